metadata name = 'Humanbound Sentinel Connector'
metadata description = 'Signed Humanbound webhooks in, rows of AISecurityEvents_CL out, with the Microsoft Sentinel content that reads them.'

targetScope = 'resourceGroup'

import { actionGroupIdsOf, publicIngestionOf, subnetIdOf, suffixOf, workspaceGroupOf } from 'modules/checks.bicep'
import { namesOf } from 'modules/names.bicep'
import { projectType, tagsType } from 'modules/types.bicep'

// Where and what

@description('Optional. Region of every resource except those that must be in the region of an existing workspace.')
param location string = resourceGroup().location

@description('Optional. Name of the Log Analytics workspace, new or existing.')
@minLength(4)
@maxLength(63)
param workspaceName string = 'log-humanbound'

@description('Optional. Use an existing workspace. The table and the Sentinel content are added to it; its retention, daily cap and tags stay as they are.')
param useExistingWorkspace bool = false

@description('Optional. Resource group of the existing workspace, in this subscription.')
@minLength(1)
@maxLength(90)
param workspaceResourceGroup string = resourceGroup().name

@description('Optional. Enable Microsoft Sentinel for the workspace. This is harmless where it is already enabled; set it to false when you are not allowed to enable it.')
param onboardSentinel bool = true

@description('Optional. Name of your organization, shown in the title of the workbook.')
@maxLength(64)
param organisationName string = ''

@description('Optional. Tags of every resource that this deployment creates.')
param tags tagsType = {}

@description('Optional. One or two letters or digits at the end of the names of Function App, plan and package, to create a new app beside a broken one. The new app uses the same spool, secret and data collection rule; stop the broken app.')
@maxLength(2)
param nameSuffix string = ''

@description('Optional. Skip the pauses that a new table, new parsers and new roles need, and with them 35 of the nested deployments, because everything was deployed before. Leave it out when you deploy the parsers of another version.')
param settled bool = false

// How long and how much

@description('Optional. Days of the table\'s interactive retention. The first 90 cost nothing; infra/README.md has the price of the rest.')
@minValue(30)
@maxValue(730)
param retentionInDays int = 730

@description('Optional. Days of the table\'s total retention, which includes the cheaper long-term retention; at least `retentionInDays`.')
@minValue(30)
@maxValue(4383)
param totalRetentionInDays int = retentionInDays

@description('Optional. Days of interactive retention of a new workspace, for its other tables, such as those of the log. An existing workspace keeps its retention.')
@minValue(30)
@maxValue(730)
param workspaceRetentionInDays int = 90

@description('Optional. GB a day at which a new workspace stops taking data; 0 and -1 mean never. Above the cap Azure discards events that the connector has already acknowledged: they are lost, and only an alert reports it.')
@minValue(-1)
@maxValue(4000)
param dailyCapGb int = -1

// The Function App

@description('Optional. Memory of an instance in MB: 512 is a quarter of a core, 2048 one, 4096 two.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Optional. Maximum number of instances. More than 100 would not help, because a data collection rule takes 12,000 calls a minute from all of them together, which they share at run time.')
@minValue(1)
@maxValue(100)
param maximumInstanceCount int = 40

@description('Optional. Concurrent requests of one instance above which another is started. The default of the platform is too low for requests to be batched.')
@minValue(1)
@maxValue(1000)
param httpConcurrency int = 500

@description('Optional. Number of always ready instances, so that no webhook waits for a cold start. Each is billed by the hour.')
@minValue(0)
@maxValue(20)
param alwaysReadyCount int = 0

@description('Optional. Make the plan zone redundant. This needs a region with availability zones; Azure then keeps, and bills, at least two instances.')
param zoneRedundant bool = false

@description('Optional. Replication of the storage account, in which events wait while Azure Monitor is unavailable. Choose Standard_LRS in a region without availability zones.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param storageRedundancy string = 'Standard_ZRS'

// Secrets

@description('Optional. Secret that Humanbound signs with. When empty, the secret in the vault stays.')
@secure()
param webhookSecret string = ''

@description('Optional. End a rotation by dropping the setting `WEBHOOK_SECRET_PREVIOUS`. Otherwise a deployment keeps the setting.')
param endRotation bool = false

@description('Optional. Object id of an Entra group whose members may read the spool: waiting events, dead letters and whole bodies.')
@maxLength(36)
param operatorGroupId string = ''

@description('Optional. Recover the key vault that an uninstall left soft-deleted, with its secrets. Needed when a deployment fails because a vault of that name exists in deleted state; fails when there is no such vault.')
param recoverKeyVault bool = false

// The network

@description('Optional. Address ranges in CIDR notation that may send webhooks; empty means any address. Every webhook needs a signature all the same.')
@maxLength(200)
param allowedSourceRanges string[] = []
@description('Optional. Address ranges in CIDR notation from which operators publish and read `/api/status`; empty means any address. Publishing needs Entra ID in any case.')
@maxLength(200)
param operatorSourceRanges string[] = []
@description('Optional. Send through a data collection endpoint, which you can add to an Azure Monitor private link scope.')
param privateNetworking bool = false
@description('Optional. Resource id of the subnet for outgoing calls, delegated to Microsoft.App/environments; empty means no virtual network.')
param integrationSubnetId string = ''
@description('Optional. Let the data collection endpoint accept calls from public networks. Set it to false only when the subnet reaches the private link scope; until it does, events wait in storage.')
param allowPublicIngestion bool = true

// Content and alerts

@description('Optional. Deploy parsers, analytic rules, hunting queries, the workbook and, with `projects`, the watchlist. Never in Azure China, where Microsoft Sentinel ended on 2026-08-18.')
param deployContent bool = true
@description('Optional. What the description of each analytic rule begins with, which tells Microsoft Defender whether it may merge the rule\'s incidents with others. Two incidents of ours are two on purpose. Empty leaves it to the tenant.')
@allowed(['#DONT_CORR#', '#INC_CORR#', ''])
param correlationTag string = '#DONT_CORR#'

@description('Optional. Projects for the watchlist `HumanboundProjects`: `id` and `name`, and where known `owner`, `criticality` (high, medium, low) and `archived`. The watchlist is made from them when there is none; an existing watchlist is left alone, so that what analysts changed stays. Empty means that no watchlist is made, and nothing needs one.')
@maxLength(1000)
param projects projectType[] = []

@description('Optional. Resource ids of the action groups that alerts notify. Without one, alerts only show in the portal.')
@maxLength(5)
param alertActionGroupIds string[] = []

@description('Optional. Number of rejected signatures within 15 minutes that raises an alert.')
@minValue(1)
@maxValue(100000)
param rejectedSignaturesThreshold int = 50

@description('Optional. Hours without an event after which an alert fires; 0 means no such alert. Quiet AI agents can send nothing for days.')
@allowed([0, 1, 2, 3, 4, 5, 6, 24, 48])
param silenceAlertHours int = 0

@description('Optional. Ids of locations that request `/api/health` every five minutes, such as emea-nl-ams-azr, us-va-ash-azr, apac-sg-sin-azr; an alert fires when two of them do not get `"status":"ok"`. Each costs about 5 USD a month. Empty means no test.')
@maxLength(5)
param healthTestLocations string[] = []

@description('Optional. Raise an alert when Microsoft Sentinel switches off one of the analytic rules, or somebody does.')
param watchRules bool = false

@description('Optional. With `watchRules`, enable the health monitoring of Microsoft Sentinel, which that alert needs. Set it to false where it is already enabled.')
param enableSentinelHealth bool = true

// What differs between clouds and no resource tells. An unknown cloud or an invalid parameter stops the deployment before
// it begins, because Azure validates nested deployments and their parameters first.
var cloud = loadJsonContent('clouds.json')[?environment().name] ?? fail('The cloud ${environment().name} is not known: add the audience of its Logs Ingestion API to infra/clouds.json.')
// Microsoft Sentinel ended in Azure China on 2026-08-18.
var hasSentinel = environment().name != 'AzureChinaCloud'
var contentIsDeployed = deployContent && hasSentinel
var actionGroupIds = actionGroupIdsOf(alertActionGroupIds)
var subnetId = subnetIdOf(integrationSubnetId)
var publicIngestion = publicIngestionOf(allowPublicIngestion, privateNetworking)
var names = namesOf(uniqueString(resourceGroup().id), suffixOf(nameSuffix))
// Total retention is never shorter than interactive retention, whatever was given.
var keptDays = max(retentionInDays, totalRetentionInDays)
var workspaceGroup = workspaceGroupOf(workspaceResourceGroup, useExistingWorkspace, resourceGroup().name)
var workspaceId = resourceId(workspaceGroup, 'Microsoft.OperationalInsights/workspaces', workspaceName)
var workspaceLocation = useExistingWorkspace ? workspace.outputs.location : location

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: names.identity
  location: location
  tags: tags
}

// Publishing has its own identity, so that the connector's identity cannot replace the package.
resource packageIdentity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: names.packageIdentity
  location: location
  tags: tags
}

module workspace 'modules/workspace.bicep' = {
  scope: resourceGroup(workspaceGroup)
  params: {
    name: workspaceName
    isNew: !useExistingWorkspace
    location: location
    retentionInDays: retentionInDays
    totalRetentionInDays: keptDays
    workspaceRetentionInDays: workspaceRetentionInDays
    dailyCapGb: dailyCapGb
    onboardSentinel: onboardSentinel && hasSentinel
    tags: tags
  }
}

module parsers 'modules/parsers.bicep' = if (contentIsDeployed) {
  scope: resourceGroup(workspaceGroup)
  params: { workspaceName: workspaceName }
  dependsOn: [workspace]
}

// Sentinel runs a rule's query before it accepts the rule. It rejects the rule (`Failed to resolve`) when the query calls,
// directly or through other functions, a function that Sentinel does not know yet. So the parsers come first and the rules
// last, with at least this pause between them; it runs in parallel with the other resources and costs no time.
module parsersSettled 'modules/pause.bicep' = if (contentIsDeployed && !settled) {
  params: { steps: 20 }
  dependsOn: [parsers]
}

// What depends on a pause also depends on what the pause depends on, because a skipped pause enforces no order.

// Azure accepts the table shortly before the data collection service can see it.
module tableSettled 'modules/pause.bicep' = if (!settled) {
  params: { steps: 4 }
  dependsOn: [workspace]
}

module ingestion 'modules/ingestion.bicep' = {
  params: {
    ruleName: names.dataCollectionRule
    endpointName: names.dataCollectionEndpoint
    workspaceId: workspaceId
    location: workspaceLocation
    privateNetworking: privateNetworking
    allowPublicIngestion: publicIngestion
    tags: tags
  }
  dependsOn: [tableSettled]
}

module storage 'modules/storage.bicep' = {
  params: {
    name: names.storage
    packageName: names.package
    location: location
    sku: storageRedundancy
    keepDays: keptDays
    workspaceId: workspaceId
    tags: tags
  }
  dependsOn: [workspace]
}

module vault 'modules/vault.bicep' = {
  params: {
    name: names.keyVault
    location: location
    recover: recoverKeyVault
    webhookSecret: webhookSecret
    workspaceId: workspaceId
    tags: tags
  }
  dependsOn: [workspace]
}

module telemetry 'modules/telemetry.bicep' = {
  params: {
    name: names.appInsights
    location: location
    workspaceId: workspaceId
    tags: tags
  }
  dependsOn: [workspace]
}

module roles 'modules/roles.bicep' = {
  params: {
    #disable-next-line what-if-short-circuiting // the names of role assignments must follow the principal: see roles.bicep
    principalId: identity.properties.principalId
    #disable-next-line what-if-short-circuiting // for the same reason as the principal above
    packagePrincipalId: packageIdentity.properties.principalId
    operatorGroupId: operatorGroupId
    dataCollectionRuleName: names.dataCollectionRule
    appInsightsName: names.appInsights
    keyVaultName: names.keyVault
    storageName: names.storage
    packageName: names.package
  }
  dependsOn: [ingestion, storage, telemetry, vault]
}

// A secret's reference that is resolved before the role is effective stays unresolved for up to a day.
module rolesSettled 'modules/pause.bicep' = if (!settled) {
  params: { steps: 8 }
  dependsOn: [roles]
}

module app 'modules/app.bicep' = {
  params: {
    planName: names.plan
    siteName: names.site
    identityName: identity.name
    packageIdentityName: packageIdentity.name
    storageName: names.storage
    packageName: names.package
    location: location
    zoneRedundant: zoneRedundant
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    httpConcurrency: httpConcurrency
    alwaysReadyCount: alwaysReadyCount
    allowedSourceRanges: allowedSourceRanges
    operatorSourceRanges: operatorSourceRanges
    allowHealthTest: !empty(healthTestLocations)
    keyVaultName: names.keyVault
    appInsightsName: names.appInsights
    dataCollectionRuleName: names.dataCollectionRule
    dataCollectionEndpointName: names.dataCollectionEndpoint
    privateNetworking: privateNetworking
    ingestionAudience: cloud.ingestionAudience
    secretIsNew: !empty(webhookSecret)
    endRotation: endRotation
    integrationSubnetId: subnetId
    tags: tags
  }
  dependsOn: [roles, rolesSettled]
}

module alerts 'modules/alerts.bicep' = {
  params: {
    location: workspaceLocation
    workspaceId: workspaceId
    dataCollectionRuleName: names.dataCollectionRule
    siteName: names.site
    watchDailyCap: useExistingWorkspace || dailyCapGb > 0
    rejectedSignaturesThreshold: rejectedSignaturesThreshold
    silenceHours: silenceAlertHours
    watchRules: watchRules && hasSentinel
    actionGroupIds: actionGroupIds
    tags: tags
  }
  dependsOn: [ingestion]
}

module healthTest 'modules/health-test.bicep' = if (!empty(healthTestLocations)) {
  params: {
    location: location
    appInsightsName: names.appInsights
    hostName: app.outputs.hostName
    locations: healthTestLocations
    actionGroupIds: actionGroupIds
    tags: tags
  }
  dependsOn: [telemetry]
}

module sentinelHealth 'modules/sentinel-health.bicep' = if (watchRules && enableSentinelHealth && hasSentinel) {
  scope: resourceGroup(workspaceGroup)
  params: { workspaceName: workspaceName }
  dependsOn: [workspace]
}

// Last, so that the connector works even when Sentinel rejects a rule. Deploying again then changes only the rule.
module content 'modules/content.bicep' = if (contentIsDeployed) {
  scope: resourceGroup(workspaceGroup)
  params: {
    workspaceName: workspaceName
    location: workspaceLocation
    organisationName: organisationName
    correlationTag: correlationTag
    projects: projects
    tags: tags
  }
  dependsOn: [alerts, app, parsers, parsersSettled]
}

@description('Name of the Function App, to publish the package to.')
output connectorFunctionName string = app.outputs.siteName
@description('Where Humanbound posts its webhooks.')
output connectorUrl string = 'https://${app.outputs.hostName}/api/ingest'
@description('Id by which the workspace is queried: a GUID.')
output workspaceId string = workspace.outputs.customerId
@description('Name of the workspace.')
output workspaceName string = workspaceName
@description('Resource id of the workspace.')
output workspaceResourceId string = workspaceId
@description('Resource id of the Function App.')
output siteResourceId string = app.outputs.siteId
@description('Logs ingestion endpoint that the connector sends to.')
output dceEndpoint string = ingestion.outputs.endpoint
@description('Immutable id of the data collection rule.')
output dcrImmutableId string = ingestion.outputs.immutableId
@description('Name of the key vault that holds the webhook secret.')
output keyVaultName string = vault.outputs.name
@description('Resource id of the key vault.')
output keyVaultResourceId string = vault.outputs.id
@description('Name of the storage account that holds the spool.')
output storageName string = names.storage
@description('Whether alerts notify an action group. Otherwise they only show in the portal.')
output notified bool = !empty(alertActionGroupIds)
