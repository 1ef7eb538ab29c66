metadata name = 'Names'
metadata description = 'Names of the resources of one connector.'

@sealed()
@description('The name of each resource.')
type namesType = {
  @description('Application Insights component.')
  appInsights: string
  @description('Data collection endpoint.')
  dataCollectionEndpoint: string
  @description('Data collection rule.')
  dataCollectionRule: string
  @description('Identity of the connector.')
  identity: string
  @description('Identity of publishing.')
  packageIdentity: string
  @description('Key vault.')
  keyVault: string
  @description('Container of the package.')
  package: string
  @description('Plan of the Function App.')
  plan: string
  @description('Function App.')
  site: string
  @description('Storage account.')
  storage: string
}

@export()
@description('The names, from a token that is unique to the resource group, and what is appended to those of one app.')
func namesOf(token string, suffix string) namesType => {
  appInsights: 'appi-humanbound'
  dataCollectionEndpoint: 'dce-humanbound'
  dataCollectionRule: 'dcr-humanbound'
  identity: 'id-humanbound-connector'
  packageIdentity: 'id-humanbound-package'
  keyVault: 'kv-hb-${token}'
  package: 'package${suffix}'
  // A plan of Flex Consumption has one app.
  plan: 'plan-humanbound${suffix}'
  // At most 32 characters, because the host makes its id of these: apps with the same id would share a timer lock.
  site: 'func-humanbound-${token}${suffix}'
  storage: 'sthb${token}'
}
