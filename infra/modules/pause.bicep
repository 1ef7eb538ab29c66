metadata name = 'Pause'
metadata description = 'Makes a deployment wait: empty deployments one after the other, some seconds each. The only other way for a template to wait is a container that runs a script.'

@description('Required. Number of empty deployments, one after the other.')
@minValue(1)
@maxValue(20)
param steps int

@batchSize(1)
module step 'nothing.bicep' = [
  for number in range(1, steps): {
    params: { step: number }
  }
]
