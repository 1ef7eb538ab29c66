"""What the dashboard's first screen costs on the engine, against an earlier commit; see __main__.py."""
