"""KQL without what is not code."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"//[^\n]*|@?\"(?:\\.|[^\"\\\n])*\"|@?'(?:\\.|[^'\\\n])*'|```.*?```", re.S)


def code(text: str) -> str:
    """The text with blanks for comments and for what is inside strings; offsets stay."""

    def blank(match: re.Match[str]) -> str:
        token = match.group(0)
        if token.startswith("//"):
            return " " * len(token)
        quote = token[-1]
        return quote + re.sub(r"[^\n]", " ", token[1:-1]) + quote

    return _TOKEN.sub(blank, text)


def commented(text: str, offset: int) -> bool:
    """A comment stands on the line of the offset or on the one above."""
    lines = text[:offset].count("\n")
    around = text.split("\n")[max(0, lines - 1) : lines + 1]
    return any(token.startswith("//") for line in around for token in _TOKEN.findall(line))
