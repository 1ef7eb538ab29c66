metadata name = 'Ingestion'
metadata description = 'The data collection rule that rows are pushed to, its errors, and on request an endpoint for private networks.'

import { tagsType } from 'types.bicep'

@description('Required. Name of the data collection rule.')
param ruleName string

@description('Required. Name of the data collection endpoint.')
param endpointName string

@description('Required. Resource id of the workspace.')
param workspaceId string

@description('Required. Region of the workspace; a data collection rule must be in the same region.')
param location string

@description('Required. Create a data collection endpoint and send through it.')
param privateNetworking bool

@description('Required. Let that endpoint accept calls from public networks.')
param allowPublicIngestion bool

@description('Required. Tags.')
param tags tagsType

// The column list has KQL's types; tables and streams have names of their own for them (see workspace.bicep).
var columns = loadJsonContent('../../sentinel/tables/AISecurityEvents_CL.json')
var streamTypes = { bool: 'boolean' }
var streamName = 'Custom-AISecurityEvents'

resource endpoint 'Microsoft.Insights/dataCollectionEndpoints@2024-03-11' = if (privateNetworking) {
  name: endpointName
  location: location
  tags: tags
  properties: {
    networkAcls: { publicNetworkAccess: allowPublicIngestion ? 'Enabled' : 'Disabled' }
  }
}

resource rule 'Microsoft.Insights/dataCollectionRules@2024-03-11' = {
  name: ruleName
  location: location
  tags: tags
  // A rule of kind Direct has its own endpoint. The kind cannot be changed later.
  kind: 'Direct'
  properties: {
    description: 'Rows of the Humanbound connector, stored as they come: they are mapped in one place, the connector.'
    dataCollectionEndpointId: privateNetworking ? endpoint.id : null
    streamDeclarations: {
      '${streamName}': {
        columns: map(columns, column => {
          name: column.name
          type: streamTypes[?column.type] ?? column.type
        })
      }
    }
    destinations: {
      logAnalytics: [{ name: 'workspace', workspaceResourceId: workspaceId }]
    }
    dataFlows: [
      {
        streams: [streamName]
        destinations: ['workspace']
        transformKql: 'source'
        outputStream: 'Custom-AISecurityEvents_CL'
      }
    ]
  }
}

// Only this log reports rows that Azure accepted and could not store.
#disable-next-line use-recent-api-versions // the only other version, 2016-09-01, allows only the name 'service'
resource errors 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: rule
  name: 'errors'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'LogErrors', enabled: true }]
  }
}

@description('Logs ingestion endpoint that the connector sends to.')
output endpoint string = privateNetworking
  ? endpoint!.properties.logsIngestion.endpoint
  : rule.properties.endpoints.logsIngestion

@description('Immutable id of the rule.')
output immutableId string = rule.properties.immutableId
