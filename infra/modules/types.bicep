metadata name = 'Types'
metadata description = 'Types that several modules share.'

@description('The parts of a resource id that say what it is of: every second one, and the namespace of the provider.')
func kinds(parts string[]) string =>
  join(map(filter(range(0, length(parts)), at => at == 6 || at % 2 == 1), at => parts[at]), '/')

@export()
@description('Whether a text has the shape of a resource id of this type. Azure compares ids without regard to case.')
func isResourceId(id string, type string) bool =>
  startsWith(id, '/') && !contains('${id}/', '//') && length(split(id, '/')) % 2 == 1 && kinds(split(id, '/')) =~ 'subscriptions/resourceGroups/providers/${type}'

@export()
@description('Whether a text has nothing but letters of ASCII and digits.')
func isPlain(text string) bool =>
  empty(filter(
    range(0, length(text)),
    at => !contains('abcdefghijklmnopqrstuvwxyz0123456789', toLower(substring(text, at, 1)))
  ))

@export()
@description('Tags: a name and a text each.')
type tagsType = {
  @description('Value of the tag.')
  *: string
}

@export()
@sealed()
@description('A project of Humanbound, which tests one AI agent.')
type projectType = {
  @description('Id of the project, as Humanbound sends it.')
  @minLength(1)
  @maxLength(200)
  id: string
  @description('Name that people know the agent by.')
  @minLength(1)
  @maxLength(200)
  name: string
  @description('Who answers for the agent, best as an e-mail address.')
  @maxLength(200)
  owner: string?
  @description('How much hangs on the agent; `high` raises its incidents by one step.')
  criticality: ('high' | 'low' | 'medium')?
  @description('Whether the agent is no longer in use, and no longer missed when it is silent.')
  archived: bool?
}
