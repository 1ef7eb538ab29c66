metadata name = 'Roles'
metadata description = 'Every role assignment, each with its reason. Roles are assigned to the identities themselves, because through a group they would take hours.'

@description('Required. Principal id of the connector\'s identity.')
param principalId string

@description('Required. Principal id of the identity that publishing uses.')
param packagePrincipalId string

@description('Required. Object id of a group of operators that may read the spool, or empty.')
param operatorGroupId string

@description('Required. Name of the data collection rule.')
param dataCollectionRuleName string

@description('Required. Name of the Application Insights component.')
param appInsightsName string

@description('Required. Name of the key vault.')
param keyVaultName string

@description('Required. Name of the storage account.')
param storageName string

@description('Required. Name of the container of the package.')
param packageName string

var roleIds = {
  keyVaultSecretsUser: '4633458b-17de-408a-b874-0445c86b69e6'
  monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
  storageBlobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  storageBlobDataReader: '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
}
var publisher = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.monitoringMetricsPublisher)
var secretsUser = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.keyVaultSecretsUser)
var blobContributor = subscriptionResourceId(
  'Microsoft.Authorization/roleDefinitions',
  roleIds.storageBlobDataContributor
)
var blobReader = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.storageBlobDataReader)
var blobOwner = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.storageBlobDataOwner)

resource rule 'Microsoft.Insights/dataCollectionRules@2024-03-11' existing = { name: dataCollectionRuleName }
resource component 'Microsoft.Insights/components@2020-02-02' existing = { name: appInsightsName }
resource vault 'Microsoft.KeyVault/vaults@2026-02-01' existing = { name: keyVaultName }
resource storage 'Microsoft.Storage/storageAccounts@2026-04-01' existing = {
  name: storageName

  resource blobs 'blobServices' existing = {
    name: 'default'

    resource package 'containers' existing = { name: packageName }
    resource spool 'containers' existing = { name: 'spool' }
    resource hosts 'containers' existing = { name: 'azure-webjobs-hosts' }
    resource secrets 'containers' existing = { name: 'azure-webjobs-secrets' }
  }
}

// The names contain the principal id, because an assignment that outlives its identity would block a new one of its name.

@description('Push rows: the only role that the Logs Ingestion API needs, on this one rule.')
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

@description('Write the log of host and connector: the component accepts no instrumentation key.')
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

@description('Read the webhook secrets, the only ones in the vault.')
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

@description('Keep waiting events, dead letters and whole bodies.')
resource keep 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: storage::blobs::spool
  name: guid(storage::blobs::spool.id, principalId, blobContributor)
  properties: {
    description: 'Keep events in the spool while Azure Monitor does not take them.'
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: blobContributor
  }
}

@description('Keep the state and the locks of the Functions host.')
resource lock 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: storage::blobs::hosts
  name: guid(storage::blobs::hosts.id, principalId, blobOwner)
  properties: {
    description: 'Keep the state and the locks of the Functions host.'
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: blobOwner
  }
}

@description('Keep the keys of the Functions host.')
resource unlock 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: storage::blobs::secrets
  name: guid(storage::blobs::secrets.id, principalId, blobOwner)
  properties: {
    description: 'Keep the keys of the Functions host.'
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: blobOwner
  }
}

@description('List the containers, by which the host checks that storage is healthy: this needs a role on the account, here one that only reads.')
resource list 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: storage
  name: guid(storage.id, principalId, blobReader)
  properties: {
    description: 'List the containers, which the Functions host does to see whether storage is healthy.'
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: blobReader
  }
}

@description('Write the package when it is published, with an identity that the connector never uses.')
resource publish 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: storage::blobs::package
  name: guid(storage::blobs::package.id, packagePrincipalId, blobContributor)
  properties: {
    description: 'Store the package when it is published, and fetch it when an instance starts.'
    principalId: packagePrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: blobContributor
  }
}

@description('Let operators read waiting events and dead letters, which hold whole events.')
resource inspect 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorGroupId)) {
  scope: storage::blobs::spool
  name: guid(storage::blobs::spool.id, operatorGroupId, blobReader)
  properties: {
    description: 'Read what waits in the spool, dead letters and complete bodies.'
    principalId: operatorGroupId
    principalType: 'Group'
    roleDefinitionId: blobReader
  }
}
