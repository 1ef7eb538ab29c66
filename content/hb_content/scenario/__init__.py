"""Events with times, played to the real connector, and what rules, hunts and parsers make of the rows."""
