metadata name = 'App'
metadata description = 'The Flex Consumption plan, the Function App and, once that exists, its settings.'

import { tagsType } from 'types.bicep'

@description('Required. Name of the plan.')
param planName string

@description('Required. Name of the Function App.')
param siteName string

@description('Required. Name of the connector\'s identity.')
param identityName string

@description('Required. Name of the identity that publishing uses.')
param packageIdentityName string

@description('Required. Name of the storage account.')
param storageName string

@description('Required. Name of the container of the package.')
param packageName string

@description('Required. Region.')
param location string

@description('Required. Spread the plan over the zones of the region.')
param zoneRedundant bool

@description('Required. Memory of an instance in MB.')
param instanceMemoryMB int

@description('Required. Maximum number of instances.')
param maximumInstanceCount int

@description('Required. Concurrent requests of one instance.')
param httpConcurrency int

@description('Required. Number of always ready instances.')
param alwaysReadyCount int

@description('Required. Address ranges that may send webhooks; empty means any.')
param allowedSourceRanges string[]

@description('Required. Address ranges of operators; empty means any.')
param operatorSourceRanges string[]

@description('Required. Admit the health test of Azure Monitor where webhooks are limited to some ranges.')
param allowHealthTest bool

@description('Required. Subnet for outgoing calls, or empty.')
param integrationSubnetId string

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

@description('Required. Tags.')
param tags tagsType

// An invalid range fails here, with its text in the message.
var sources = map(
  union(allowedSourceRanges, operatorSourceRanges),
  range => '${parseCidr(range).network}/${parseCidr(range).cidr}'
)
var operators = map(operatorSourceRanges, range => '${parseCidr(range).network}/${parseCidr(range).cidr}')
// Even where webhooks are limited, operators need the site for `/api/status` and for the check after publishing.
var mainRules = [
  for (range, index) in (empty(allowedSourceRanges) ? [] : sources): {
    action: 'Allow'
    ipAddress: range
    name: 'source-${index}'
    priority: 100 + index
  }
]
// A service tag for the addresses of the health test, which change; it comes after the ranges.
var testRules = allowHealthTest && !empty(allowedSourceRanges)
  ? [
      {
        action: 'Allow'
        ipAddress: 'ApplicationInsightsAvailability'
        tag: 'ServiceTag'
        name: 'health-test'
        priority: 900
      }
    ]
  : []
var scmRules = [
  for (range, index) in operators: {
    action: 'Allow'
    ipAddress: range
    name: 'operator-${index}'
    priority: 100 + index
  }
]

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = { name: identityName }
resource packageIdentity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: packageIdentityName
}
resource storage 'Microsoft.Storage/storageAccounts@2026-04-01' existing = { name: storageName }

// checkov:skip=CKV_AZURE_225: a parameter, off by default: it needs a region with zones and instances that are always billed.
resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true, zoneRedundant: zoneRedundant }
}

// checkov:skip=CKV_AZURE_222: webhooks come from the internet; `allowedSourceRanges` narrows it.
// checkov:skip=CKV_AZURE_17: Humanbound signs its webhooks and has no client certificate to show.
// checkov:skip=CKV_AZURE_212: Flex Consumption starts instances as needed; `alwaysReadyCount` keeps some.
// checkov:skip=CKV_AZURE_213: Flex Consumption watches its instances itself and has no such setting.
resource site 'Microsoft.Web/sites@2025-03-01' = {
  name: siteName
  location: location
  tags: tags
  kind: 'functionapp,linux'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identity.id}': {}, '${packageIdentity.id}': {} } }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identity.id
    publicNetworkAccess: 'Enabled'
    virtualNetworkSubnetId: empty(integrationSubnetId) ? null : integrationSubnetId
    siteConfig: {
      ftpsState: 'Disabled'
      http20Enabled: true
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ipSecurityRestrictions: concat(mainRules, testRules)
      ipSecurityRestrictionsDefaultAction: empty(mainRules) ? 'Allow' : 'Deny'
      scmIpSecurityRestrictions: scmRules
      scmIpSecurityRestrictionsDefaultAction: empty(scmRules) ? 'Allow' : 'Deny'
      scmIpSecurityRestrictionsUseMain: false
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${storage.properties.primaryEndpoints.blob}${packageName}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: packageIdentity.id
          }
        }
      }
      runtime: { name: 'custom', version: '1.0' }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReadyCount == 0 ? [] : [{ name: 'http', instanceCount: alwaysReadyCount }]
        triggers: { http: { perInstanceConcurrency: httpConcurrency } }
      }
    }
  }
}

// A nested deployment, which starts when the app exists: it reads the settings that others made, and keeps them.
module settings 'settings.bicep' = {
  params: {
    siteName: site.name
    identityName: identityName
    storageName: storageName
    keyVaultName: keyVaultName
    appInsightsName: appInsightsName
    dataCollectionRuleName: dataCollectionRuleName
    dataCollectionEndpointName: dataCollectionEndpointName
    privateNetworking: privateNetworking
    ingestionAudience: ingestionAudience
    secretIsNew: secretIsNew
    endRotation: endRotation
  }
}

// Publishing needs Entra ID: no user name and password.
resource noFtpPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: site
  name: 'ftp'
  properties: { allow: false }
}

resource noPublishingPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: site
  name: 'scm'
  properties: { allow: false }
}

@description('Name of the Function App.')
output siteName string = site.name

@description('Resource id of the Function App.')
output siteId string = site.id

@description('Host name of the Function App in this cloud.')
output hostName string = site.properties.defaultHostName
