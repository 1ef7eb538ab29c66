"""The Content Hub package, the files of Sentinel Repositories and the tables of sentinel/README.md, made and checked."""
