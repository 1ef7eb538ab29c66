metadata name = 'Alerts'
metadata description = 'Alerts for operators, from the metrics of the data collection rule and from the log that sentinel/connector/log-events.json describes.'

import { tagsType } from 'types.bicep'

@description('Required. Region of the workspace.')
param location string

@description('Required. Resource id of the workspace.')
param workspaceId string

@description('Required. Name of the data collection rule.')
param dataCollectionRuleName string

@description('Required. Name of the Function App.')
param siteName string

@description('Required. Watch the daily cap of the workspace.')
param watchDailyCap bool

@description('Required. Number of rejected signatures within 15 minutes that raises an alert.')
param rejectedSignaturesThreshold int

@description('Required. Hours without an event after which an alert fires; 0 means no such alert.')
param silenceHours int

@description('Required. Watch whether Microsoft Sentinel switches off a rule; this needs its health monitoring.')
param watchRules bool

@description('Required. Resource ids of the action groups that are notified.')
param actionGroupIds string[]

@description('Required. Tags.')
param tags tagsType

@description('A metric of the data collection rule that must stay 0.')
type metricAlertType = {
  @description('Resource name of the alert.')
  name: string
  @description('Title of the alert.')
  title: string
  @description('What it means and what to do.')
  description: string
  @description('Name of the metric. https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-insights-datacollectionrules-metrics')
  metric: string
  @description('Aggregation of the metric, which offers only one of the two.')
  aggregation: 'Count' | 'Total'
}

@description('A query that must have no result.')
type logAlertType = {
  @description('Resource name of the alert.')
  name: string
  @description('Title of the alert.')
  title: string
  @description('What it means and what to do.')
  description: string
  @description('0 critical, 1 error, 2 warning, 3 informational.')
  severity: 0 | 1 | 2 | 3
  @description('The query.')
  query: string
  @description('How often it runs; less often is cheaper.')
  frequency: string
  @description('How far back it looks.')
  window: string
  @description('How far back the query may see where that is farther; it narrows the rest by itself.')
  sight: string?
}

var metricAlerts metricAlertType[] = [
  {
    name: 'alert-humanbound-rows-dropped'
    title: 'Humanbound: rows dropped by the data collection rule'
    description: 'Azure accepted rows and then dropped them. See the table DCRLogErrors of the workspace.'
    metric: 'RowsDropped_Count'
    aggregation: 'Total'
  }
  {
    name: 'alert-humanbound-columns-dropped'
    title: 'Humanbound: columns dropped by the data collection rule'
    description: 'The connector sends columns that the rule or the table lacks. Deploy the template of the same version as the connector.'
    metric: 'ColumnsDroppedCount'
    aggregation: 'Total'
  }
  {
    name: 'alert-humanbound-transformation-errors'
    title: 'Humanbound: the data collection rule fails'
    description: 'The rule cannot process what the connector sends. See the table DCRLogErrors of the workspace.'
    metric: 'TransformationErrors_Count'
    aggregation: 'Count'
  }
]

var always logAlertType[] = [
  {
    name: 'alert-humanbound-ingestion-errors'
    title: 'Humanbound: Azure could not store events'
    description: 'Azure accepted rows but could not store them; the query result says why.'
    severity: 1
    query: replace(loadTextContent('../alerts/ingestion-errors.kql'), '{rule}', toLower(dataCollectionRuleName))
    frequency: 'PT15M'
    window: 'PT15M'
  }
  {
    name: 'alert-humanbound-spool'
    title: 'Humanbound: events wait in storage for over 15 minutes'
    description: 'They are safe, but not in Microsoft Sentinel. /api/status and the log say whether Azure Monitor, the network or a role is the cause.'
    severity: 2
    query: replace(loadTextContent('../alerts/spool.kql'), '{site}', siteName)
    frequency: 'PT15M'
    window: 'PT15M'
  }
  {
    name: 'alert-humanbound-dead-letters'
    title: 'Humanbound: events were dead-lettered'
    description: 'Azure Monitor rejects them for good. They are kept below deadletter/ in the spool container until the retention ends.'
    severity: 1
    query: replace(loadTextContent('../alerts/dead-letters.kql'), '{site}', siteName)
    frequency: 'PT15M'
    window: 'PT15M'
  }
  {
    name: 'alert-humanbound-rejected-signatures'
    title: 'Humanbound: webhooks are rejected because of their signature'
    description: 'The secret of the webhook and the one in the key vault differ, or somebody else posts to the address.'
    severity: 2
    query: replace(
      replace(loadTextContent('../alerts/rejected-signatures.kql'), '{site}', siteName),
      '{threshold}',
      string(rejectedSignaturesThreshold)
    )
    frequency: 'PT15M'
    window: 'PT15M'
  }
  {
    name: 'alert-humanbound-drain'
    title: 'Humanbound: drain has not reported for 20 minutes'
    description: 'The timer of drain has stopped, the app is down or not published yet, or drain cannot read the spool. Waiting events are safe, and other events are still stored. Publish again; if that does not help, deploy with another nameSuffix.'
    severity: 1
    query: replace(loadTextContent('../alerts/drain.kql'), '{site}', siteName)
    frequency: 'PT15M'
    // Azure offers no window of 20 minutes, so the query narrows this one.
    window: 'PT30M'
  }
  {
    name: 'alert-humanbound-errors'
    title: 'Humanbound: the connector reports a fault'
    description: 'The query result names the events of its log, and TROUBLESHOOTING.md explains each.'
    severity: 2
    query: replace(loadTextContent('../alerts/errors.kql'), '{site}', siteName)
    frequency: 'PT15M'
    window: 'PT15M'
  }
  {
    name: 'alert-humanbound-responses'
    title: 'Humanbound: webhooks are not accepted'
    description: 'They are answered 5xx, or 404 because the package is missing or broken. Humanbound retries only for a while: bring in the missing events afterwards with hb-sentinel sync.'
    severity: 1
    query: replace(loadTextContent('../alerts/responses.kql'), '{site}', siteName)
    frequency: 'PT15M'
    window: 'PT15M'
    // Whether a row was ever stored: the most that Azure offers.
    sight: 'P2D'
  }
]
var dailyCap logAlertType[] = [
  {
    name: 'alert-humanbound-daily-cap'
    title: 'Humanbound: the daily cap of the workspace is reached'
    description: 'Until the reset Azure discards events that the connector has acknowledged. Raise the cap, then bring in the events of the day again with hb-sentinel sync.'
    severity: 1
    query: loadTextContent('../alerts/daily-cap.kql')
    frequency: 'PT15M'
    window: 'PT15M'
  }
]
var silence logAlertType[] = [
  {
    name: 'alert-humanbound-silence'
    title: 'Humanbound: no event for ${silenceHours} hours'
    description: 'Humanbound has no events, its webhook is off, or it cannot reach the connector.'
    severity: 2
    query: replace(loadTextContent('../alerts/silence.kql'), '{site}', siteName)
    frequency: 'PT1H'
    window: silenceHours < 24 ? 'PT${silenceHours}H' : 'P${silenceHours / 24}D'
  }
]
var rules logAlertType = {
  name: 'alert-humanbound-rules'
  title: 'Humanbound: an analytic rule is switched off'
  description: 'Microsoft Sentinel, or somebody, has switched off a rule, so that it raises no incidents. The query result says why. Remove the cause, then enable the rule, or deploy again.'
  severity: 1
  query: loadTextContent('../alerts/rules.kql')
  frequency: 'PT1H'
  window: 'PT1H'
  // Whether the rule ran before: the most that Azure offers.
  sight: 'P2D'
}
var logAlerts = concat(always, watchDailyCap ? dailyCap : [], silenceHours > 0 ? silence : [])

resource rule 'Microsoft.Insights/dataCollectionRules@2024-03-11' existing = { name: dataCollectionRuleName }

resource metric 'Microsoft.Insights/metricAlerts@2026-01-01' = [
  for alert in metricAlerts: {
    name: alert.name
    location: 'global'
    tags: tags
    properties: {
      description: '${alert.title}. ${alert.description}'
      enabled: true
      severity: 1
      scopes: [rule.id]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT5M'
      autoMitigate: true
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            name: 'any'
            criterionType: 'StaticThresholdCriterion'
            metricNamespace: 'microsoft.insights/datacollectionrules'
            metricName: alert.metric
            operator: 'GreaterThan'
            threshold: 0
            timeAggregation: alert.aggregation
            // Azure's validation does not know a metric that was never emitted.
            skipMetricValidation: true
          }
        ]
      }
      #disable-next-line use-resource-id-functions // each is an element of a parameter
      actions: [for id in actionGroupIds: { actionGroupId: id }]
    }
  }
]

@description('The properties of a log alert.')
func logAlert(alert logAlertType, workspaceId string, actionGroupIds string[]) resourceInput<'Microsoft.Insights/scheduledQueryRules@2026-03-01'>.properties => {
  displayName: alert.title
  description: alert.description
  enabled: true
  severity: alert.severity
  scopes: [workspaceId]
  evaluationFrequency: alert.frequency
  windowSize: alert.window
  overrideQueryTimeRange: alert.?sight
  autoMitigate: true
  // The tables exist only once something has been written to them.
  skipQueryValidation: true
  criteria: {
    allOf: [
      {
        query: alert.query
        timeAggregation: 'Count'
        operator: 'GreaterThan'
        threshold: 0
        failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
      }
    ]
  }
  actions: { actionGroups: actionGroupIds }
}

resource log 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for alert in logAlerts: {
    name: alert.name
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: logAlert(alert, workspaceId, actionGroupIds)
  }
]

// By itself, because the prediction of a deployment does not know in which cloud it is, and thus not whether this is there.
resource ruleAlert 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = if (watchRules) {
  name: rules.name
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: logAlert(rules, workspaceId, actionGroupIds)
}
