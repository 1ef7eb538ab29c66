metadata name = 'Content'
metadata description = 'Microsoft Sentinel content that calls the parsers, from its files in sentinel/. Their texts are not repeated here.'

import { analyticRules, connectorPages, huntingQueries, workbooks } from 'content-files.bicep'
import { projectType, tagsType } from 'types.bicep'

@description('Required. Name of the workspace.')
param workspaceName string

@description('Required. Region of the workspace.')
param location string

@description('Required. Name of the organization for the title of the workbook; empty leaves it out.')
param organisationName string

@description('Required. What the description of each rule begins with, for Microsoft Defender; may be empty.')
param correlationTag string

@description('Required. Projects for the watchlist; without any, no watchlist is made.')
param projects projectType[]

@description('Required. Tags.')
param tags tagsType

@description('Comparisons as the files spell them, and as Azure does.')
var operators = { eq: 'Equal', gt: 'GreaterThan', lt: 'LessThan', ne: 'NotEqual' }

@description('A duration in Azure\'s format: `5m` becomes `PT5M`, `7d` becomes `P7D`, and `P7D` stays.')
func isoDuration(text string) string =>
  startsWith(text, 'P') ? text : endsWith(text, 'd') ? 'P${toUpper(text)}' : 'PT${toUpper(text)}'

resource workspace 'Microsoft.OperationalInsights/workspaces@2026-03-01' existing = { name: workspaceName }

// Sentinel runs a rule's query before it accepts the rule: see `parsersSettled` in main.bicep.
resource rule 'Microsoft.SecurityInsights/alertRules@2025-09-01' = [
  for file in analyticRules: {
    scope: workspace
    name: guid(workspace.id, file.id)
    kind: 'Scheduled'
    properties: {
      displayName: file.name
      description: trim('${correlationTag} ${trim(file.description)}')
      enabled: file.?enabled ?? true
      severity: file.severity
      query: file.query
      queryFrequency: isoDuration(file.queryFrequency)
      queryPeriod: isoDuration(file.queryPeriod)
      triggerOperator: operators[?file.triggerOperator] ?? file.triggerOperator
      triggerThreshold: file.triggerThreshold
      suppressionDuration: isoDuration(file.?suppressionDuration ?? '5h')
      suppressionEnabled: file.?suppressionEnabled ?? false
      tactics: file.tactics
      // This version of the API rejects sub-techniques.
      techniques: union(map(file.relevantTechniques, technique => split(technique, '.')[0]), [])
      alertDetailsOverride: file.?alertDetailsOverride
      customDetails: file.?customDetails
      entityMappings: file.?entityMappings
      eventGroupingSettings: file.?eventGroupingSettings
      incidentConfiguration: file.?incidentConfiguration == null
        ? null
        : {
            ...file.incidentConfiguration!
            groupingConfiguration: {
              ...file.incidentConfiguration!.groupingConfiguration
              lookbackDuration: isoDuration(file.incidentConfiguration!.groupingConfiguration.lookbackDuration)
            }
          }
    }
  }
]

resource hunt 'Microsoft.OperationalInsights/workspaces/savedSearches@2026-03-01' = [
  for file in huntingQueries: {
    parent: workspace
    name: 'humanbound_${file.name}'
    properties: {
      category: 'Hunting Queries'
      displayName: file.content.name
      query: file.content.query
      version: 2
      #disable-next-line BCP037 // in `properties`, not beside it: the template parser refuses a top-level `etag`
      etag: '*'
      tags: [
        { name: 'description', value: trim(file.content.description) }
        { name: 'tactics', value: join(file.content.tactics, ',') }
        { name: 'techniques', value: join(file.content.relevantTechniques, ',') }
      ]
    }
  }
]

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = [
  for (text, index) in workbooks: {
    name: guid(workspace.id, 'humanbound-workbook', string(index))
    location: location
    tags: tags
    kind: 'shared'
    properties: {
      category: 'sentinel'
      displayName: empty(organisationName)
        ? 'Humanbound AI Security — CISO Dashboard'
        : 'Humanbound AI Security — CISO Dashboard — ${organisationName}'
      // The file names no workspace; its queries go to this one.
      serializedData: string(union(json(text), { fallbackResourceIds: [workspace.id] }))
      sourceId: workspace.id
      version: '1.0'
    }
  }
]

resource connectorPage 'Microsoft.SecurityInsights/dataConnectorDefinitions@2025-09-01' = [
  for file in connectorPages: {
    scope: workspace
    name: file.name
    kind: 'Customizable'
    #disable-next-line BCP037 // `sampleQueries` is in Microsoft's guide to connectors and in every definition of theirs, and in no version of the types
    properties: file.properties
  }
]

module watchlist 'watchlist.bicep' = if (!empty(projects)) {
  params: { workspaceName: workspaceName, projects: projects }
}
