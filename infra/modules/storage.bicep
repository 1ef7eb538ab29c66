metadata name = 'Storage'
metadata description = 'The storage account: the package, the host\'s own containers, and the spool. Reached by identity only.'

import { tagsType } from 'types.bicep'

@description('Required. Name of the storage account.')
param name string

@description('Required. Name of the container of the package.')
param packageName string

@description('Required. Region.')
param location string

@description('Required. Replication.')
param sku 'Standard_LRS' | 'Standard_ZRS' | 'Standard_GRS' | 'Standard_GZRS'

@description('Required. Days that dead letters and whole bodies are kept: as long as the rows that refer to them.')
param keepDays int

@description('Required. Resource id of the workspace for the audit log.')
param workspaceId string

@description('Required. Tags.')
param tags tagsType

// checkov:skip=CKV_AZURE_35: the platform fetches the package from addresses that nobody can list; every call needs a token.
// checkov:skip=CKV_AZURE_59: as above; no container is public and no key is accepted.
// checkov:skip=CKV_AZURE_206: the default is spread over the zones of a region, and the parameter offers other regions.
resource account 'Microsoft.Storage/storageAccounts@2026-04-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: sku }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: 'Enabled'
    networkAcls: { defaultAction: 'Allow', bypass: 'AzureServices' }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2026-04-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: { enabled: true, days: 7 }
    containerDeleteRetentionPolicy: { enabled: true, days: 7 }
  }

  resource package 'containers' = { name: packageName, properties: { publicAccess: 'None' } }
  resource spool 'containers' = { name: 'spool', properties: { publicAccess: 'None' } }
  // The host would create these two itself; here they can be seen, and roles assigned on them.
  resource hosts 'containers' = { name: 'azure-webjobs-hosts', properties: { publicAccess: 'None' } }
  resource secrets 'containers' = { name: 'azure-webjobs-secrets', properties: { publicAccess: 'None' } }
}

// Never `spool/pending/`: the connector has acknowledged what waits there.
resource lifeCycle 'Microsoft.Storage/storageAccounts/managementPolicies@2026-04-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'forget-what-the-table-has-forgotten'
          type: 'Lifecycle'
          enabled: true
          definition: {
            filters: {
              blobTypes: ['blockBlob']
              prefixMatch: ['${blobs::spool.name}/deadletter/', '${blobs::spool.name}/oversize/']
            }
            actions: {
              baseBlob: { delete: { daysAfterModificationGreaterThan: keepDays } }
            }
          }
        }
      ]
    }
  }
}

// Deletions only: the host renews a lease every few seconds, and each renewal counts as a write.
#disable-next-line use-recent-api-versions // the only other version, 2016-09-01, allows only the name 'service'
resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: blobs
  name: 'audit'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'StorageDelete', enabled: true }]
  }
}
