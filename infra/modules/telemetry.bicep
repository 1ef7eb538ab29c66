metadata name = 'Telemetry'
metadata description = 'Application Insights for the connector\'s own log, in the workspace, written by identity only.'

import { tagsType } from 'types.bicep'

@description('Required. Name of the component.')
param name string

@description('Required. Region.')
param location string

@description('Required. Resource id of the workspace that stores it.')
param workspaceId string

@description('Required. Tags.')
param tags tagsType

resource component 'Microsoft.Insights/components@2020-02-02' = {
  name: name
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspaceId
    IngestionMode: 'LogAnalytics'
    DisableLocalAuth: true
  }
}
