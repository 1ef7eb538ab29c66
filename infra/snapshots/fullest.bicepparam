using '../main.bicep'

param location = 'westeurope'
param workspaceName = 'log-soc'
param useExistingWorkspace = true
param workspaceResourceGroup = 'rg-soc'
param onboardSentinel = true
param organisationName = 'Contoso'
param nameSuffix = 'b2'
param settled = true
param tags = { owner: 'ciso', environment: 'production' }
param retentionInDays = 180
param totalRetentionInDays = 730
param workspaceRetentionInDays = 30
param dailyCapGb = 5
param instanceMemoryMB = 4096
param maximumInstanceCount = 100
param httpConcurrency = 1000
param alwaysReadyCount = 2
param zoneRedundant = true
param storageRedundancy = 'Standard_GZRS'
param webhookSecret = 'the-current-secret'
param endRotation = true
param operatorGroupId = '22222222-2222-2222-2222-222222222222'
param recoverKeyVault = true
param allowedSourceRanges = ['203.0.113.0/24', '2001:db8::/48']
param operatorSourceRanges = ['198.51.100.7/32']
param privateNetworking = true
param integrationSubnetId = '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-network/providers/Microsoft.Network/virtualNetworks/vnet/subnets/functions'
param allowPublicIngestion = false
param deployContent = true
param projects = [
  {
    id: '0B7F2F9E-2F43-4A7B-8A3A-5D0D1C2B3A4F'
    name: 'Support, "Alice"'
    owner: 'alice@contoso.com'
    criticality: 'high'
  }
  { id: '7c9e6679-7425-40de-944b-e07fc1f90ae7', name: '=1+1', archived: true }
]
param alertActionGroupIds = [
  '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-soc/providers/Microsoft.Insights/actionGroups/ag-soc'
]
param healthTestLocations = ['emea-nl-ams-azr', 'us-va-ash-azr', 'apac-sg-sin-azr']
param rejectedSignaturesThreshold = 10
param silenceAlertHours = 24
param watchRules = true
param enableSentinelHealth = true
