"""The files of sentinel/ and infra/alerts/, read."""
