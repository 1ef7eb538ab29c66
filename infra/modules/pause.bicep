metadata name = 'Pause'
metadata description = 'Lets time pass inside a deployment: empty deployments one after the other, some seconds each. A template has no other way to wait, short of a container that runs a script.'

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
