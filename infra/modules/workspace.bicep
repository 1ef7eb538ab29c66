metadata name = 'Workspace'
metadata description = 'The Log Analytics workspace, Microsoft Sentinel on it, and the table. To an existing workspace this only adds.'

import { tagsType } from 'types.bicep'

@description('Required. Name of the workspace.')
param name string

@description('Required. Create the workspace; otherwise it must exist.')
param isNew bool

@description('Required. Region of a new workspace.')
param location string

@description('Required. Days of interactive retention of the table.')
param retentionInDays int

@description('Required. Days of total retention of the table.')
param totalRetentionInDays int

@description('Required. Days of interactive retention of a new workspace, for its other tables.')
param workspaceRetentionInDays int

@description('Required. GB a day at which a new workspace stops taking data; 0 and -1 mean never.')
param dailyCapGb int

@description('Required. Enable Microsoft Sentinel.')
param onboardSentinel bool

@description('Required. Tags of a new workspace.')
param tags tagsType

// The column list has KQL's types; tables and streams have names of their own for them (see ingestion.bicep).
var columns = loadJsonContent('../../sentinel/tables/AISecurityEvents_CL.json')
var tableTypes = { bool: 'boolean', datetime: 'dateTime' }

resource created 'Microsoft.OperationalInsights/workspaces@2026-03-01' = if (isNew) {
  name: name
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: workspaceRetentionInDays
    workspaceCapping: { dailyQuotaGb: dailyCapGb > 0 ? dailyCapGb : -1 }
    features: {
      disableLocalAuth: true
      enableLogAccessUsingOnlyResourcePermissions: true
    }
  }
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2026-03-01' existing = {
  name: name
}

resource onboarding 'Microsoft.SecurityInsights/onboardingStates@2025-09-01' = if (onboardSentinel) {
  scope: workspace
  name: 'default'
  properties: {}
  dependsOn: [created]
}

resource table 'Microsoft.OperationalInsights/workspaces/tables@2026-03-01' = {
  parent: workspace
  name: 'AISecurityEvents_CL'
  properties: {
    plan: 'Analytics'
    retentionInDays: retentionInDays
    totalRetentionInDays: totalRetentionInDays
    schema: {
      name: 'AISecurityEvents_CL'
      description: 'Security events of AI agents, as Humanbound reports them.'
      columns: map(columns, column => {
        name: column.name
        type: tableTypes[?column.type] ?? column.type
        description: column.description
      })
    }
  }
  dependsOn: [created, onboarding]
}

@description('Region of the workspace.')
output location string = isNew ? location : workspace.location

@description('Id by which the workspace is queried: a GUID.')
output customerId string = isNew ? created!.properties.customerId : workspace.properties.customerId
