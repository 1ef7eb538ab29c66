metadata name = 'Types'
metadata description = 'Types that several modules share.'

@export()
@description('Tags: names with texts.')
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
  @description('Name by which people know the agent.')
  @minLength(1)
  @maxLength(200)
  name: string
  @description('Person or team responsible for the agent, best as an e-mail address.')
  @maxLength(200)
  owner: string?
  @description('How important the agent is; `high` raises its incidents by one step.')
  criticality: ('high' | 'low' | 'medium')?
  @description('Whether the agent is no longer in use, so that its silence is not reported.')
  archived: bool?
}
