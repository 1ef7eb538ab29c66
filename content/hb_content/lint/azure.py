"""Rules for what the local engine does otherwise than Azure: a query that depends on it would pass here and fail there."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

RULES = {
    "kql-empty-text": "a text without a match is null in the engine and empty in Azure: isempty() and isnotempty() hold for both",
    "kql-null-text": "a text is never null in Azure, so isnull() is false there: isempty()",
    "kql-number-text": "a number that is compared with a text is an error or never equal, and the analyzer lets it pass",
    "kql-two-types": "a column of two types becomes two in a union on Azure and stays one, of texts, in the engine: convert it first",
    "kql-week-bin": "bins of several days begin on another day in the engine: startofweek(), or bins of a day at most",
    "kql-date-text": "a date that is not written as ISO 8601 is read by the engine in its own way",
    "kql-estimate": "dcount() is an estimate in Azure and exact in the engine: it is compared by size, never for being equal",
}

#: The rules that need types, by the code that analyzer.mjs gives.
OF_ANALYZER = {"HB003": "kql-null-text", "HB004": "kql-number-text", "HB005": "kql-two-types"}

_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,7})?)?(?:Z|[+-]\d\d:\d\d)?)?")


def check(text: str, plain: str) -> Iterator[tuple[str, int, str]]:
    """Rule, offset and message of each; `plain` is the text without comments and what is inside strings."""
    for match in re.finditer(r"""[=!]=\s*(?:""|'')|(?:""|'')\s*[=!]=""", plain):
        yield "kql-empty-text", match.start(), f"`{match[0]}`: use isempty() or isnotempty()"
    for match in re.finditer(r"\bbin(?:_at)?\s*\((?:[^()]|\([^()]*\))*?,\s*(\d+)d\s*[,)]", plain):
        if int(match[1]) > 1:
            yield "kql-week-bin", match.start(), f"a bin of {match[1]} days: use startofweek(), or bins of 1d"
    for match in re.finditer(r"\b(?:datetime|todatetime)\s*\(([^()]*)\)", text):
        is_code = plain[match.start() : match.start() + 4] == text[match.start() : match.start() + 4]
        if is_code and (fault := _date_fault(match[1].strip(), match[0])):
            yield "kql-date-text", match.start(), fault
    for match in re.finditer(r"\bdcount(?:if)?\s*\((?:[^()]|\([^()]*\))*\)\s*[=!]=", plain):
        yield "kql-estimate", match.start(), f"`{match[0]}` holds or not by chance"


def _date_fault(inner: str, call: str) -> str:
    """What is wrong with the argument of a date; nothing where it is no literal."""
    if call.startswith("todatetime"):
        literal = re.fullmatch(r"""(["'])(.*)\1""", inner)
        if not literal:
            return ""
        inner = literal[2]
    if inner in ("", "null") or "{" in inner:
        return ""
    if not _ISO.fullmatch(inner):
        return f"`{inner}` is not written as ISO 8601"
    try:
        dt.datetime.fromisoformat(re.sub(r"(\.\d{6})\d", r"\1", inner))
    except ValueError:
        return f"`{inner}` is no date"
    return ""
