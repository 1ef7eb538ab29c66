"""What a query costs, as far as its text tells: how often it reads the table and joins when every function stands in it.

What is wide or has a row an event is told by shapes.py, from the last operator of a text that makes rows or columns fewer.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from hb_content.documents.files import Content, Finding
from hb_content.documents.workbook import queries
from hb_content.lint import shapes
from hb_content.lint.code import code

RULES = {
    "budget": "expanded, the summary reads the table at most 6 times, any other parser or query of a workbook at most 7 times,"
    " and each joins at most 20 times; a parser names the columns that an arg_min or arg_max takes along, materializes neither"
    " Data nor Description, joins nothing with a row an event or a finding on the right, and shuffles what it summarizes by"
    " EventId or FindingKey",
}

#: The function that the dashboard's first screen stands on.
SUMMARY = "HumanboundSummary"
MAX_SCANS, MAX_JOINS = 6, 20
#: For what is not asked with each visit.
MAX_OTHER_SCANS = 7


@dataclasses.dataclass(frozen=True)
class Cost:
    """What stands in an expanded text."""

    scans: int = 0
    joins: int = 0
    stars: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.scans + other.scans, self.joins + other.joins, self.stars + other.stars)


def check(content: Content) -> Iterator[Finding]:
    """The budget of every parser and of every query of a workbook."""
    files = {item.function_name: item for item in content.of("parser") if item.query}
    texts = {name: item.query.text for name, item in files.items() if item.query}
    plain = {name: code(text) for name, text in texts.items()}
    for name, item in sorted(files.items()):
        total = cost(name, texts)
        yield from _over(item.path, "", total, MAX_SCANS if name == SUMMARY else MAX_OTHER_SCANS)
        if total.stars:
            yield Finding(item.path, "budget", f"{total.stars} times all columns are taken along")
        for message in shapes.faults(plain[name], plain):
            yield Finding(item.path, "budget", message)
    for item in content.of("workbook"):
        for query in queries(item):
            place = f"{query.id.partition('#')[2]}: "
            yield from _over(item.path, place, _of(code(query.text), texts), MAX_OTHER_SCANS)


def _over(path: str, place: str, total: Cost, max_scans: int) -> Iterator[Finding]:
    if total.scans > max_scans or total.joins > MAX_JOINS:
        yield Finding(path, "budget", f"{place}{total.scans} scans and {total.joins} joins")


def cost(name: str, texts: dict[str, str]) -> Cost:
    """The cost of a call of the function `name`."""
    return _of(code(texts[name]), texts)


def _of(plain: str, texts: dict[str, str]) -> Cost:
    """The cost of a text: a `let` counts as often as it is used, or once if it is materialized."""
    lets, rest = shapes.split(plain)
    return _part(rest, lets, texts, set())


def _part(text: str, lets: dict[str, str], texts: dict[str, str], counted: set[str]) -> Cost:
    found = Cost(
        scans=len(re.findall(r"\bAISecurityEvents_CL\b", text)),
        joins=len(re.findall(r"\|\s*(?:join|lookup)\b", text)),
        stars=len(re.findall(r"\barg_(?:min|max)\([^()]*\*\s*\)", text)),
    )
    for word in re.findall(r"\b\w+\b", text):
        if word in texts:
            found += cost(word, texts)
        elif word in lets and word not in counted:
            if re.match(r"\s*(materialize|toscalar)\(", lets[word]):
                counted.add(word)
            inner = {name: value for name, value in lets.items() if name != word}
            found += _part(lets[word], inner, texts, counted)
    return found
