metadata name = 'Parsers'
metadata description = 'The functions that rules, hunts and workbook call, from their files in sentinel/parsers. Azure saves a function without checking it, so a parser may be saved before those that it calls.'

import { parsers } from 'content-files.bicep'

@description('Required. Name of the workspace.')
param workspaceName string

@description('A default as KQL. The community\'s format, and so its own converter, gives a string without its quotes: https://github.com/Azure/Azure-Sentinel/blob/master/ASIM/dev/ASimYaml2ARM/KqlFuncYaml2Arm.py')
func literal(kind string, value string) string =>
  kind == 'bool'
    ? toLower(value)
    : kind == 'string' && !startsWith(value, '\'') && !startsWith(value, '"') ? '\'${value}\'' : value

@description('A parameter in Azure\'s format: `name:type=default`, or `name:type` when it is required.')
func declaration(name string, kind string, value string?) string =>
  value == null ? '${name}:${kind}' : '${name}:${kind}=${literal(kind, value!)}'

resource workspace 'Microsoft.OperationalInsights/workspaces@2026-03-01' existing = { name: workspaceName }

resource parser 'Microsoft.OperationalInsights/workspaces/savedSearches@2026-03-01' = [
  for file in parsers: {
    parent: workspace
    name: (file.?FunctionName ?? file.?ParserName)!
    properties: {
      // The files of ASIM have no category; this is the one that Microsoft's ASIM parsers are in.
      category: file.?Category ?? 'ASIM'
      displayName: (file.?Function ?? file.?Parser)!.Title
      functionAlias: (file.?FunctionAlias ?? file.?FunctionName ?? file.?ParserName)!
      functionParameters: join(
        map(
          file.?ParserParams ?? file.?FunctionParams ?? [],
          parameter =>
            declaration(parameter.Name, parameter.Type, parameter.?Default == null ? null : string(parameter.Default))
        ),
        ', '
      )
      query: (file.?FunctionQuery ?? file.?ParserQuery)!
      version: 2
      #disable-next-line BCP037 // in `properties`, not beside it: the template parser refuses a top-level `etag`
      etag: '*'
    }
  }
]
