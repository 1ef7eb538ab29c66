metadata name = 'Key vault'
metadata description = 'The vault with the webhook secret, written through the control plane, so that a deployment needs no data role.'

import { tagsType } from 'types.bicep'

@description('Required. Name of the vault.')
param name string

@description('Required. Region.')
param location string

@description('Required. Recover a soft-deleted vault of this name instead of creating one.')
param recover bool

@description('Required. Webhook secret; empty keeps the one in the vault.')
@secure()
param webhookSecret string

@description('Required. Resource id of the workspace for the audit log.')
param workspaceId string

@description('Required. Tags.')
param tags tagsType

// checkov:skip=CKV_AZURE_109: references are resolved by the platform, from addresses that nobody can list.
// checkov:skip=CKV_AZURE_189: as above; without a data role the open address gives nothing away.
resource vault 'Microsoft.KeyVault/vaults@2026-02-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    createMode: recover ? 'recover' : 'default'
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    enablePurgeProtection: true
    softDeleteRetentionInDays: 7
    publicNetworkAccess: 'Enabled'
    networkAcls: { defaultAction: 'Allow', bypass: 'AzureServices' }
  }
}

// checkov:skip=CKV_AZURE_41: an expired secret would stop the feed; `hb-sentinel` rotates it, and the vault keeps the versions.
// A deployment without a secret leaves the live one in the vault alone.
resource current 'Microsoft.KeyVault/vaults/secrets@2026-02-01' = if (!empty(webhookSecret)) {
  parent: vault
  name: 'webhook-secret'
  properties: { value: webhookSecret, contentType: 'text/plain' }
}

#disable-next-line use-recent-api-versions // the only other version, 2016-09-01, allows only the name 'service'
resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'audit'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'AuditEvent', enabled: true }]
  }
}

@description('Name of the vault.')
output name string = vault.name

@description('Resource id of the vault.')
output id string = vault.id
