metadata name = 'Nothing'
metadata description = 'An empty deployment; see pause.bicep.'

@description('Required. Which step of the pause this is.')
param step int

@description('The step, given back so that no two are the same deployment.')
output step int = step
