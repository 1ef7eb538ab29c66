metadata name = 'Watchlist'
metadata description = 'The watchlist `HumanboundProjects`, made once: names, owners and criticality of projects, which only people know.'

import { projectType } from 'types.bicep'

@description('Required. Name of the workspace.')
param workspaceName string

@description('Required. The projects; at least one, because Sentinel rejects a watchlist without rows.')
@minLength(1)
param projects projectType[]

// The same text as in the Content Hub package.
var settings = loadJsonContent('../../sentinel/watchlists/HumanboundProjects.json')
// The columns are those of the CSV template that people upload.
var header = split(loadTextContent('../../sentinel/watchlists/HumanboundProjects.csv'), '\n')[0]
// In lower case, as the column of the table that they are compared with.
var ids = map(projects, project => toLower(trim(project.id)))
var distinctIds = length(union(ids, [])) == length(ids) ? ids : fail('A project id stands twice in `projects`: the watchlist needs one row for each.')

@description('A CSV field by RFC 4180, always in quotes. Line breaks become spaces, because not every reader of CSV accepts them. A leading `=` is not escaped: it is a formula only to a spreadsheet, and the escape would be in every incident\'s title.')
func quoted(text string) string => '"${replace(replace(replace(text, '\r', ' '), '\n', ' '), '"', '""')}"'

@description('A row of CSV.')
func row(fields string[]) string => join(map(fields, field => quoted(field)), ',')

var rows = map(
  projects,
  (project, index) =>
    row([
      distinctIds[index]
      project.name
      project.?owner ?? ''
      project.?criticality ?? ''
      toLower(string(project.?archived ?? false))
    ])
)

resource workspace 'Microsoft.OperationalInsights/workspaces@2026-03-01' existing = { name: workspaceName }

// Only once: the second time, Azure would add every row that differs in any column from the existing rows and delete
// none, so a row that an analyst edited would be there twice, and a deleted row would be back.
// https://learn.microsoft.com/azure/sentinel/watchlists-manage#bulk-update-a-watchlist
// https://github.com/hashicorp/terraform-provider-azurerm/pull/14258
@onlyIfNotExists()
resource watchlist 'Microsoft.SecurityInsights/watchlists@2025-09-01' = {
  scope: workspace
  name: 'HumanboundProjects'
  properties: {
    // `sourceType` is not `Local file`, as the documentation has it: https://github.com/Azure/azure-cli/issues/26332
    ...settings
    rawContent: join([header, ...rows], '\r\n')
  }
}
