"""What proves and packages the content of sentinel/: see ../README.md."""
