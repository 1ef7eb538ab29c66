metadata name = 'Content types'
metadata description = 'What a file of sentinel/ must and may contain, so that the compiler rejects one with a missing or misspelt key. The format is that of https://github.com/Azure/Azure-Sentinel.'

@sealed()
@description('What a function or parser is called.')
type titleType = {
  @description('Name for people.')
  Title: string
  @description('Version, raised on each change.')
  Version: string
  @description('Day of the last change.')
  LastUpdated: string
}

@sealed()
@description('A parameter of a function.')
type parameterType = {
  @description('Name of the parameter.')
  Name: string
  @description('Type of the parameter, in KQL\'s words.')
  Type: string
  @description('Default, as KQL; without one the parameter is required. YAML turns a text that looks like a boolean or a number into one.')
  #disable-next-line no-explicit-any // a type cannot be one of several
  Default: any?
}

@export()
@sealed()
@description('A function that queries share, with one of the community\'s two sets of keys: that of solutions (`Function…`) or that of ASIM (`Parser…`).')
type parserType = {
  @description('GUID of the function, which never changes; the files of ASIM have none.')
  id: string?
  @description('What a function is called.')
  Function: titleType?
  @description('What a parser of ASIM is called.')
  Parser: titleType?
  @sealed()
  @description('Whose events a parser of ASIM reads.')
  Product: {
    @description('Name of the product.')
    Name: string
  }?
  @sealed()
  @description('What a parser of ASIM normalizes to.')
  Normalization: {
    @description('The schema.')
    Schema: string
    @description('Its version.')
    Version: string
  }?
  @description('Where to read on.')
  References: {
    @description('Name of the page.')
    Title: string
    @description('Its address.')
    Link: string
  }[]?
  @description('Group in the list of functions.')
  Category: string?
  @description('Name of the resource.')
  FunctionName: string?
  @description('Name of the resource, of a parser of ASIM.')
  ParserName: string?
  @description('Name of the parser that is built into Azure, if there is one.')
  EquivalentBuiltInParser: string?
  @description('Name in queries; that of the resource when absent.')
  FunctionAlias: string?
  @description('What it gives back.')
  Description: string
  @description('Parameters, in order.')
  ParserParams: parameterType[]?
  @description('The same, for a parser of ASIM.')
  FunctionParams: parameterType[]?
  @description('The KQL.')
  FunctionQuery: string?
  @description('The KQL of a parser of ASIM.')
  ParserQuery: string?
}

@sealed()
@description('What a query reads.')
type dataConnectorType = {
  @description('Connector.')
  connectorId: string
  @description('Tables.')
  dataTypes: string[]
}

@sealed()
@description('Columns that name an entity.')
type entityMappingType = {
  @description('Entity type.')
  entityType: string
  @description('Its identifiers.')
  fieldMappings: {
    @description('Identifier.')
    identifier: string
    @description('Column that holds it.')
    columnName: string
  }[]
}

@sealed()
@description('How alerts become incidents.')
type incidentConfigurationType = {
  @description('Whether alerts make incidents.')
  createIncident: bool
  @sealed()
  @description('Which alerts join an open incident.')
  groupingConfiguration: {
    @description('Whether alerts are grouped into one incident.')
    enabled: bool
    @description('Whether a new alert reopens a closed incident.')
    reopenClosedIncident: bool
    @description('How long alerts join an incident, for example `7d` or `P7D`.')
    lookbackDuration: string
    @description('Which alerts belong together.')
    matchingMethod: 'AllEntities' | 'AnyAlert' | 'Selected'
    @description('Entity types that must be equal.')
    groupByEntities: string[]?
    @description('Alert details that must be equal.')
    groupByAlertDetails: string[]?
    @description('Custom details that must be equal.')
    groupByCustomDetails: string[]?
  }
}

@export()
@sealed()
@description('An analytic rule.')
type ruleType = {
  @description('GUID of the rule, which never changes.')
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
  @description('Availability in the content hub; not deployed.')
  status: string?
  @description('Tags of the file; not deployed.')
  tags: string[]?
  @description('Where its data comes from.')
  requiredDataConnectors: dataConnectorType[]
  @description('How often it runs, for example `5m`.')
  queryFrequency: string
  @description('How far back it looks, for example `47h`.')
  queryPeriod: string
  @description('How long the rule does not run after an alert, for example `5h`; only with `suppressionEnabled`.')
  suppressionDuration: string?
  @description('Whether the rule stops running for a while after an alert; false when absent.')
  suppressionEnabled: bool?
  @description('How the number of results is compared.')
  triggerOperator: 'eq' | 'gt' | 'lt' | 'ne' | 'Equal' | 'GreaterThan' | 'LessThan' | 'NotEqual'
  @description('What it is compared with.')
  triggerThreshold: int
  @description('Tactics of ATT&CK, without blanks.')
  tactics: string[]
  @description('Techniques of ATT&CK.')
  relevantTechniques: string[]
  @description('The KQL.')
  query: string
  @description('Columns that name entities.')
  entityMappings: entityMappingType[]?
  @description('Details of an alert: name and column.')
  customDetails: {
    @description('Column that holds the detail.')
    *: string
  }?
  @sealed()
  @description('Text of an alert from columns.')
  alertDetailsOverride: {
    @description('Title, with `{{Column}}`.')
    alertDisplayNameFormat: string?
    @description('Description, with `{{Column}}`.')
    alertDescriptionFormat: string?
    @description('Column with the severity.')
    alertSeverityColumnName: string?
    @description('Column with the tactics.')
    alertTacticsColumnName: string?
    @description('Further properties of an alert, each from a column, for example `AlertLink`.')
    alertDynamicProperties: {
      @description('Property of the alert.')
      alertProperty: string
      @description('Column that holds it.')
      value: string
    }[]?
  }?
  @sealed()
  @description('One alert for each result, or one for all.')
  eventGroupingSettings: {
    @description('Which of the two.')
    aggregationKind: 'AlertPerResult' | 'SingleAlert'
  }?
  @description('How alerts become incidents.')
  incidentConfiguration: incidentConfigurationType?
}

@export()
@sealed()
@description('A hunting query, with the name of its file.')
type huntType = {
  @description('Name of the file, without its extension.')
  name: string
  @sealed()
  @description('What the file says.')
  content: {
    @description('GUID of the query, which never changes.')
    id: string
    @description('Name of the query.')
    name: string
    @description('Version, raised on each change.')
    version: string
    @description('What it searches for.')
    description: string
    @description('Where its data comes from.')
    requiredDataConnectors: dataConnectorType[]
    @description('Tactics of ATT&CK, without blanks.')
    tactics: string[]
    @description('Techniques of ATT&CK.')
    relevantTechniques: string[]
    @description('The KQL.')
    query: string
    @description('Columns that name entities; the portal reads them from the file only.')
    entityMappings: entityMappingType[]?
    @description('Availability in the content hub; not deployed.')
    status: string?
    @description('Tags of the file; not deployed.')
    tags: string[]?
  }
}
