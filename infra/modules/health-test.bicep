metadata name = 'Health test'
metadata description = 'A request to `/api/health` from outside, every five minutes from each location, and the alert on its failure.'

import { tagsType } from 'types.bicep'

@description('Required. Region of the Application Insights component; a test must be in the same region.')
param location string

@description('Required. Name of the Application Insights component.')
param appInsightsName string

@description('Required. Host name of the Function App.')
param hostName string

@description('Required. Ids of the locations that run the test; at least one.')
@minLength(1)
param locations string[]

@description('Required. Resource ids of the action groups that are notified.')
param actionGroupIds string[]

@description('Required. Tags.')
param tags tagsType

resource component 'Microsoft.Insights/components@2020-02-02' existing = { name: appInsightsName }

resource test 'Microsoft.Insights/webtests@2022-06-15' = {
  name: 'test-humanbound-health'
  location: location
  // This tag tells Azure which component the results go to.
  tags: union(tags, { 'hidden-link:${component.id}': 'Resource' })
  kind: 'standard'
  properties: {
    Name: 'Humanbound: /api/health'
    SyntheticMonitorId: 'test-humanbound-health'
    Kind: 'standard'
    Enabled: true
    Frequency: 300
    Timeout: 30
    RetryEnabled: true
    Locations: [for id in locations: { Id: id }]
    Request: {
      RequestUrl: 'https://${hostName}/api/health'
      HttpVerb: 'GET'
      ParseDependentRequests: false
    }
    ValidationRules: {
      ExpectedHttpStatusCode: 200
      SSLCheck: true
      SSLCertRemainingLifetimeCheck: 7
      ContentValidation: {
        // With the key, because `degraded` and `misconfigured` are answered with 200 as well.
        ContentMatch: '"status":"ok"'
        IgnoreCase: false
        PassIfTextFound: true
      }
    }
  }
}

resource alert 'Microsoft.Insights/metricAlerts@2026-01-01' = {
  name: 'alert-humanbound-health'
  location: 'global'
  tags: tags
  properties: {
    description: 'Humanbound: /api/health does not say ok. The Function App is down, cannot be reached, or its settings or Azure Monitor are at fault; /api/status tells which.'
    enabled: true
    severity: 1
    scopes: [test.id, component.id]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria'
      webTestId: test.id
      componentId: component.id
      // A single location may itself have a fault.
      failedLocationCount: min(2, length(locations))
    }
    #disable-next-line use-resource-id-functions // each is an element of a parameter
    actions: [for id in actionGroupIds: { actionGroupId: id }]
  }
}
