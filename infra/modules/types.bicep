metadata name = 'Types'
metadata description = 'Types that several modules share.'

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
