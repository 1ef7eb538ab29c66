metadata name = 'Types'
metadata description = 'Types that several modules share.'

@export()
@description('Tags: a name and a text each.')
type tagsType = {
  @description('Value of the tag.')
  *: string
}
