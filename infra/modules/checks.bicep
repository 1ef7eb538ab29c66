metadata name = 'Checks'
metadata description = 'Checks of parameters beyond their types: each function returns the usable value, or stops the deployment.'

@description('The parts of a resource id that name its type: every second one, and the namespace of the provider.')
func kinds(parts string[]) string =>
  join(map(filter(range(0, length(parts)), at => at == 6 || at % 2 == 1), at => parts[at]), '/')

@description('Whether a text has the shape of a resource id of this type. Azure compares ids without regard to case.')
func isResourceId(id string, type string) bool =>
  startsWith(id, '/') && !contains('${id}/', '//') && length(split(id, '/')) % 2 == 1 && kinds(split(id, '/')) =~ 'subscriptions/resourceGroups/providers/${type}'

@description('Whether a text has only ASCII letters and digits.')
func isPlain(text string) bool =>
  empty(filter(
    range(0, length(text)),
    at => !contains('abcdefghijklmnopqrstuvwxyz0123456789', toLower(substring(text, at, 1)))
  ))

@export()
@description('The id of a subnet, or an empty text.')
func subnetIdOf(id string) string =>
  empty(id) || isResourceId(id, 'Microsoft.Network/virtualNetworks/subnets')
    ? id
    : fail('integrationSubnetId is not the resource id of a subnet: ${id}')

@export()
@description('The ids of action groups.')
func actionGroupIdsOf(ids string[]) string[] =>
  map(
    ids,
    id =>
      isResourceId(id, 'Microsoft.Insights/actionGroups')
        ? id
        : fail('alertActionGroupIds has a text that is not the resource id of an action group: ${id}')
  )

@export()
@description('What is appended to a name: nothing, or a hyphen and the suffix.')
func suffixOf(suffix string) string =>
  empty(suffix) ? '' : isPlain(suffix) ? '-${suffix}' : fail('nameSuffix is not of letters and digits alone: ${suffix}')

@export()
@description('The resource group of the workspace: that of the deployment when the workspace is new.')
func workspaceGroupOf(given string, isExisting bool, own string) string =>
  isExisting || given =~ own
    ? given
    : fail('workspaceResourceGroup is for an existing workspace: set useExistingWorkspace too.')

@export()
@description('Whether the data collection endpoint also accepts calls from public networks.')
func publicIngestionOf(isOpen bool, hasEndpoint bool) bool =>
  isOpen || hasEndpoint
    ? isOpen
    : fail('allowPublicIngestion=false closes the endpoint of privateNetworking, which is off: the data collection rule itself stays open.')
