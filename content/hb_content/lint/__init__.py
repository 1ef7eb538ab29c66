"""Rules of ours and of the community for parsers, rules, hunts and workbooks."""
