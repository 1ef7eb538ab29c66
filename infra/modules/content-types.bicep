metadata name = 'Content types'
metadata description = 'What a file of sentinel/ must hold, so that the compiler refuses one that does not. The format is that of https://github.com/Azure/Azure-Sentinel.'

@export()
@description('A function that queries share.')
type parserType = {
  @description('GUID of the function, for ever.')
  id: string
  @description('What it is.')
  Function: {
    @description('Name for people.')
    Title: string
    @description('Version, raised on each change.')
    Version: string
    @description('Day of the last change.')
    LastUpdated: string
  }
  @description('Group in the list of functions.')
  Category: string
  @description('Name of the resource.')
  FunctionName: string
  @description('Name in queries.')
  FunctionAlias: string
  @description('What it gives back.')
  Description: string
  @description('Parameters, in order.')
  ParserParams: {
    @description('Name of the parameter.')
    Name: string
    @description('Type of the parameter, in KQL\'s words.')
    Type: string
    @description('Default, as KQL.')
    Default: string
  }[]?
  @description('The KQL.')
  FunctionQuery: string
}

@description('How alerts become incidents.')
type incidentConfigurationType = {
  @description('Make incidents at all.')
  createIncident: bool
  @description('Which alerts join an open incident.')
  groupingConfiguration: {
    @description('Group at all.')
    enabled: bool
    @description('Open a closed incident again.')
    reopenClosedIncident: bool
    @description('How long an incident takes alerts in, for example `7d`.')
    lookbackDuration: string
    @description('By what alerts belong together.')
    matchingMethod: 'AllEntities' | 'AnyAlert' | 'Selected'
    @description('Entity types that must be equal.')
    groupByEntities: string[]
    @description('Alert details that must be equal.')
    groupByAlertDetails: string[]
    @description('Custom details that must be equal.')
    groupByCustomDetails: string[]
  }
}

@export()
@description('An analytic rule.')
type ruleType = {
  @description('GUID of the rule, for ever.')
  id: string
  @description('Name of the rule.')
  name: string
  @description('Version, raised on each change.')
  version: string
  @description('Rules of kind NRT are in preview versions of the API only.')
  kind: 'Scheduled'
  @description('What it identifies.')
  description: string
  @description('Severity of an alert.')
  severity: 'High' | 'Informational' | 'Low' | 'Medium'
  @description('Whether it runs; true when absent.')
  enabled: bool?
  @description('Where its data comes from.')
  requiredDataConnectors: {
    @description('Connector.')
    connectorId: string
    @description('Tables.')
    dataTypes: string[]
  }[]
  @description('How often it runs, for example `5m`.')
  queryFrequency: string
  @description('How far back it looks, for example `47h`.')
  queryPeriod: string
  @description('How the number of results is compared.')
  triggerOperator: 'eq' | 'gt' | 'lt' | 'ne'
  @description('What it is compared with.')
  triggerThreshold: int
  @description('Tactics of ATT&CK, without blanks.')
  tactics: string[]
  @description('Techniques of ATT&CK.')
  relevantTechniques: string[]
  @description('The KQL.')
  query: string
  @description('Columns that name entities.')
  entityMappings: {
    @description('Entity type.')
    entityType: string
    @description('Its identifiers.')
    fieldMappings: {
      @description('Identifier.')
      identifier: string
      @description('Column that holds it.')
      columnName: string
    }[]
  }[]
  @description('Details of an alert: name and column.')
  customDetails: {
    @description('Column that holds the detail.')
    *: string
  }
  @description('Text of an alert from columns.')
  alertDetailsOverride: {
    @description('Title, with `{{Column}}`.')
    alertDisplayNameFormat: string
    @description('Description, with `{{Column}}`.')
    alertDescriptionFormat: string
    @description('Column with the severity.')
    alertSeverityColumnName: string?
    @description('Column with the tactics.')
    alertTacticsColumnName: string?
  }
  @description('One alert for each result, or one for all.')
  eventGroupingSettings: {
    @description('Which of the two.')
    aggregationKind: 'AlertPerResult' | 'SingleAlert'
  }
  @description('How alerts become incidents.')
  incidentConfiguration: incidentConfigurationType
}

@export()
@description('A hunting query, with the name of its file.')
type huntType = {
  @description('Name of the file, without its end.')
  name: string
  @description('What the file says.')
  content: {
    @description('GUID of the query, for ever.')
    id: string
    @description('Name of the query.')
    name: string
    @description('Version, raised on each change.')
    version: string
    @description('What it searches for.')
    description: string
    @description('Where its data comes from.')
    requiredDataConnectors: {
      @description('Connector.')
      connectorId: string
      @description('Tables.')
      dataTypes: string[]
    }[]
    @description('Tactics of ATT&CK, without blanks.')
    tactics: string[]
    @description('Techniques of ATT&CK.')
    relevantTechniques: string[]
    @description('The KQL.')
    query: string
    @description('Columns that name entities; the portal reads them from the file only.')
    entityMappings: {
      @description('Entity type.')
      entityType: string
      @description('Its identifiers.')
      fieldMappings: {
        @description('Identifier.')
        identifier: string
        @description('Column that holds it.')
        columnName: string
      }[]
    }[]?
  }
}
