metadata name = 'Sentinel health'
metadata description = 'The health monitoring of Microsoft Sentinel, which writes the table SentinelHealth: a row for each run of each analytic rule.'

@description('Required. Name of the workspace, on which Microsoft Sentinel is enabled.')
param workspaceName string

resource workspace 'Microsoft.OperationalInsights/workspaces@2026-03-01' existing = { name: workspaceName }

// It is always there, and holds nothing but diagnostic settings.
resource health 'Microsoft.SecurityInsights/settings@2025-07-01-preview' existing = {
  scope: workspace
  name: 'SentinelHealth'
}

// The runs of analytic rules need `allLogs`: https://learn.microsoft.com/azure/sentinel/enable-monitoring
#disable-next-line use-recent-api-versions // the only other version, 2016-09-01, allows only the name 'service'
resource setting 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: health
  name: 'humanbound'
  properties: {
    workspaceId: workspace.id
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
  }
}
