metadata name = 'Roles'
metadata description = 'Every role assignment of the connector, each with its reason. Assigned to the identity itself: through a group they would take hours.'

@description('Required. Principal id of the connector\'s identity.')
param principalId string

@description('Required. Name of the data collection rule.')
param dataCollectionRuleName string

@description('Required. Name of the Application Insights component.')
param appInsightsName string

@description('Required. Name of the key vault.')
param keyVaultName string

@description('Required. Name of the storage account.')
param storageName string

var roleIds = {
  keyVaultSecretsUser: '4633458b-17de-408a-b874-0445c86b69e6'
  monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
}
var publisher = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.monitoringMetricsPublisher)
var secretsUser = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.keyVaultSecretsUser)
var blobOwner = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.storageBlobDataOwner)

resource rule 'Microsoft.Insights/dataCollectionRules@2024-03-11' existing = { name: dataCollectionRuleName }
resource component 'Microsoft.Insights/components@2020-02-02' existing = { name: appInsightsName }
resource vault 'Microsoft.KeyVault/vaults@2026-02-01' existing = { name: keyVaultName }
resource storage 'Microsoft.Storage/storageAccounts@2026-04-01' existing = { name: storageName }

// The names hold the principal: an assignment that outlives its identity would block the next one of the same name.

@description('Push rows: the only thing that the Logs Ingestion API asks for, on this one rule.')
resource push 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: rule
  name: guid(rule.id, principalId, publisher)
  properties: {
    description: 'Push rows through the Logs Ingestion API.'
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: publisher
  }
}

@description('Write the host\'s and the connector\'s log: the component takes no instrumentation key.')
resource trace 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: component
  name: guid(component.id, principalId, publisher)
  properties: {
    description: 'Write telemetry, which is accepted with Entra ID only.'
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: publisher
  }
}

@description('Read the webhook secrets: the vault holds nothing else.')
resource readSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, principalId, secretsUser)
  properties: {
    description: 'Resolve the references to the webhook secrets.'
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: secretsUser
  }
}

@description('Package, host state and spool. On the account, because the host lists its containers to see whether storage is healthy; the account holds nothing but those four.')
resource store 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: storage
  name: guid(storage.id, principalId, blobOwner)
  properties: {
    description: 'Read the package, keep the state of the Functions host, keep events in the spool.'
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: blobOwner
  }
}
