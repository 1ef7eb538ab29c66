metadata name = 'Content files'
metadata description = 'The files of sentinel/, by kind. Written by `make infra`; a file that is missing here fails the tests.'

import { huntType, parserType, ruleType } from 'content-types.bicep'

@export()
@description('Functions that queries share.')
var parsers parserType[] = [
  loadYamlContent('../../sentinel/parsers/ASimAgentEventHumanbound.yaml')
  loadYamlContent('../../sentinel/parsers/HumanboundAlerts.yaml')
  loadYamlContent('../../sentinel/parsers/HumanboundCampaigns.yaml')
  loadYamlContent('../../sentinel/parsers/HumanboundEpisodes.yaml')
  loadYamlContent('../../sentinel/parsers/HumanboundEstate.yaml')
  loadYamlContent('../../sentinel/parsers/HumanboundEvents.yaml')
  loadYamlContent('../../sentinel/parsers/HumanboundFeed.yaml')
  loadYamlContent('../../sentinel/parsers/HumanboundFindingEvents.yaml')
  loadYamlContent('../../sentinel/parsers/HumanboundFindings.yaml')
  loadYamlContent('../../sentinel/parsers/HumanboundHealth.yaml')
  loadYamlContent('../../sentinel/parsers/HumanboundIncidents.yaml')
  loadYamlContent('../../sentinel/parsers/HumanboundMonitoring.yaml')
  loadYamlContent('../../sentinel/parsers/HumanboundNewEvents.yaml')
  loadYamlContent('../../sentinel/parsers/HumanboundNumbers.yaml')
  loadYamlContent('../../sentinel/parsers/HumanboundPauses.yaml')
  loadYamlContent('../../sentinel/parsers/HumanboundPosture.yaml')
  loadYamlContent('../../sentinel/parsers/HumanboundProjects.yaml')
  loadYamlContent('../../sentinel/parsers/HumanboundSummary.yaml')
  loadYamlContent('../../sentinel/parsers/HumanboundTrend.yaml')
  loadYamlContent('../../sentinel/parsers/HumanboundUnalerted.yaml')
]

@export()
@description('Analytic rules.')
var analyticRules ruleType[] = [
  loadYamlContent('../../sentinel/analytic-rules/CriticalFinding.yaml')
  loadYamlContent('../../sentinel/analytic-rules/Drift.yaml')
  loadYamlContent('../../sentinel/analytic-rules/FeedAndCoverage.yaml')
  loadYamlContent('../../sentinel/analytic-rules/PostureDrop.yaml')
  loadYamlContent('../../sentinel/analytic-rules/Regression.yaml')
]

@export()
@description('Hunting queries, with the names of their files.')
var huntingQueries huntType[] = [
  { name: 'CampaignRoi', content: loadYamlContent('../../sentinel/hunting-queries/CampaignRoi.yaml') }
  { name: 'DriftTimeline', content: loadYamlContent('../../sentinel/hunting-queries/DriftTimeline.yaml') }
  { name: 'OwaspRiskAnalysis', content: loadYamlContent('../../sentinel/hunting-queries/OwaspRiskAnalysis.yaml') }
  { name: 'PostureTrends', content: loadYamlContent('../../sentinel/hunting-queries/PostureTrends.yaml') }
  { name: 'RegressionPatterns', content: loadYamlContent('../../sentinel/hunting-queries/RegressionPatterns.yaml') }
  { name: 'RemediationVelocity', content: loadYamlContent('../../sentinel/hunting-queries/RemediationVelocity.yaml') }
]

@export()
@description('Workbooks, as text.')
var workbooks string[] = [
  loadTextContent('../../sentinel/workbooks/HumanboundCisoDashboard.json')
]

@export()
@description('Pages of data connectors.')
var connectorPages = [
  loadJsonContent('../../sentinel/connector/DataConnectorDefinition.json')
]
