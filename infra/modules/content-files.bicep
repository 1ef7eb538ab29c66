metadata name = 'Content files'
metadata description = 'The files of sentinel/, by kind. Written by `make infra`; a file that is missing here fails the tests.'

import { huntType, parserType, ruleType } from 'content-types.bicep'

@export()
@description('Functions that queries share.')
var parsers parserType[] = [
  loadYamlContent('../../sentinel/parsers/HumanboundEvents.yaml')
]

@export()
@description('Analytic rules.')
var analyticRules ruleType[] = [
  loadYamlContent('../../sentinel/analytic-rules/CriticalFinding.yaml')
]

@export()
@description('Hunting queries, with the names of their files.')
var huntingQueries huntType[] = []

@export()
@description('Workbooks, as text.')
var workbooks string[] = []
