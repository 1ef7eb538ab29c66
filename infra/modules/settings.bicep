metadata name = 'Settings'
metadata description = 'The app settings: ours over the existing ones. Azure replaces the whole list at once, so what an operator set by hand would otherwise be lost.'

@description('Required. Name of the Function App, which must exist.')
param siteName string

@description('Required. Name of the user-assigned identity.')
param identityName string

@description('Required. Name of the storage account.')
param storageName string

@description('Required. Name of the key vault.')
param keyVaultName string

@description('Required. Name of the Application Insights component.')
param appInsightsName string

@description('Required. Name of the data collection rule.')
param dataCollectionRuleName string

@description('Required. Name of the data collection endpoint.')
param dataCollectionEndpointName string

@description('Required. Send through that endpoint instead of the rule\'s own.')
param privateNetworking bool

@description('Required. Audience of a token for the Logs Ingestion API.')
param ingestionAudience string

@description('Required. This deployment has written a webhook secret.')
param secretIsNew bool

@description('Required. Drop the setting of the previous webhook secret.')
param endRotation bool

resource site 'Microsoft.Web/sites@2025-03-01' existing = { name: siteName }
resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = { name: identityName }
resource storage 'Microsoft.Storage/storageAccounts@2026-04-01' existing = { name: storageName }
resource vault 'Microsoft.KeyVault/vaults@2026-02-01' existing = { name: keyVaultName }
resource secret 'Microsoft.KeyVault/vaults/secrets@2026-02-01' existing = if (secretIsNew) {
  parent: vault
  name: 'webhook-secret'
}
resource component 'Microsoft.Insights/components@2020-02-02' existing = { name: appInsightsName }
resource rule 'Microsoft.Insights/dataCollectionRules@2024-03-11' existing = { name: dataCollectionRuleName }
resource endpoint 'Microsoft.Insights/dataCollectionEndpoints@2024-03-11' existing = {
  name: dataCollectionEndpointName
}

// What an instance starts with. A rule takes 12,000 calls a minute from all instances together; an instance that gets a 429
// halves its rate and recovers slowly, however many there are.
var callsPerMinute = 6000

var host = {
  // With a user-assigned identity the host needs all three parts (azure-functions-host#10904).
  AzureWebJobsStorage__blobServiceUri: storage.properties.primaryEndpoints.blob
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.properties.clientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: component.properties.ConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.properties.clientId};Authorization=AAD'
}
var connector = {
  WEBHOOK_SECRET: '@Microsoft.KeyVault(SecretUri=${vault.properties.vaultUri}secrets/webhook-secret)'
  LOGS_INGESTION_ENDPOINT: privateNetworking
    ? endpoint.properties.logsIngestion.endpoint
    : rule.properties.endpoints.logsIngestion
  LOGS_INGESTION_AUDIENCE: ingestionAudience
  DCR_IMMUTABLE_ID: rule.properties.immutableId
  DCR_STREAM_NAME: 'Custom-AISecurityEvents'
  HB_IDENTITY_CLIENT_ID: identity.properties.clientId
  SPOOL_CONTAINER_URL: '${storage.properties.primaryEndpoints.blob}spool'
  MAX_CALLS_PER_MINUTE: string(callsPerMinute)
}
// Nobody reads this setting. The platform resolves references to secrets again when a setting has changed, but neither
// when equal settings are written nor at a restart (azure-functions-host#11188).
var version = secretIsNew ? { WEBHOOK_SECRET_DEPLOYED: last(split(secret!.properties.secretUriWithVersion, '/')) } : {}
// With the address alone the host sometimes fails to make its client, because of a race (azure-functions-host#11787).
// From a name it derives an address of the public cloud.
var account = environment().name == 'AzureCloud' ? { AzureWebJobsStorage__accountName: storageName } : {}

// A connection string that the platform adds would override the identity, and storage accepts no keys
// (azure-functions-host#11796).
var connectionStrings = ['AzureWebJobsStorage', 'DEPLOYMENT_STORAGE_CONNECTION_STRING']
var dropped = concat(connectionStrings, endRotation ? ['WEBHOOK_SECRET_PREVIOUS'] : [])
// `WEBHOOK_SECRET_PREVIOUS` is among them while `hb-sentinel rotate-secret` is under way.
var present = filter(
  items(list('${site.id}/config/appsettings', '2025-03-01').properties),
  setting => !contains(dropped, setting.key)
)
var kept = toObject(present, setting => setting.key, setting => setting.value)

// The scanner takes the list of app settings for the configuration of the site, which is in app.bicep.
// checkov:skip=CKV_AZURE_13: not the site's configuration; webhooks are authenticated by their signature.
// checkov:skip=CKV_AZURE_63: not the site's configuration; Application Insights has the requests.
// checkov:skip=CKV_AZURE_65: not the site's configuration; details of errors are for the log, not for callers.
// checkov:skip=CKV_AZURE_66: not the site's configuration; Application Insights has the requests.
// checkov:skip=CKV_AZURE_80: not the site's configuration; there is no .NET here.
// checkov:skip=CKV_AZURE_88: not the site's configuration; the package is in a blob container.
// checkov:skip=CKV_AZURE_222: not the site's configuration; see app.bicep.
resource settings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: site
  name: 'appsettings'
  properties: union(kept, host, account, connector, version)
}
