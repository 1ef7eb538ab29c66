"""A rule for the first visit of a workbook: few log requests, whoever makes them.

Azure runs five at once for a user, and counts those over a long time as abusive.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hb_content.documents.workbook import (
    MERGE,
    PARAMETERS,
    QUERY,
    Item,
    conditions,
    exported,
    parameters,
    texts,
)
from hb_content.lint.mapping import Complaint

MAX_REQUESTS = 6
RULES = {
    "wb-first-visit": f"the first visit makes at most {MAX_REQUESTS} log requests, those of parameters and of items that another one merges included"
}


def check(found: list[Item]) -> Iterator[Complaint]:
    """The rule."""
    asked = requests(found)
    if len(asked) > MAX_REQUESTS:
        yield "wb-first-visit", f"{len(asked)} log requests: {', '.join(asked)}"


def requests(found: list[Item]) -> list[str]:
    """The log requests of somebody who opens the workbook and touches nothing, by where they stand."""
    known = _defaults(found)
    asked: dict[str, None] = {}
    wanted = [entry for entry in found if _is_asked(entry, known)]
    while wanted:
        entry = wanted.pop()
        asked |= {name: None for name, _ in texts(entry)}
        # A hidden item runs for the one that shows its rows.
        names = _merged(entry)
        wanted += [other for other in found if other.name in names]
    return sorted(asked)


def _is_asked(entry: Item, known: dict[str, str]) -> bool:
    """Whether an item asks at first: one that shows, or parameters, hidden or not; a group that is hidden asks nothing."""
    around = [Item(group, "", "") for group in entry.groups]
    holding = [*around, *([] if entry.kind == PARAMETERS else [entry])]
    return all(_holds(condition, known) for holder in holding for condition in conditions(holder))


def _holds(condition: dict[str, Any], known: dict[str, str]) -> bool:
    """Whether a condition holds at first; what only an answer tells is taken to let the item show."""
    name = condition["parameterName"]
    if name not in known:
        return True
    is_same = known[name] == str(condition.get("value") or "")
    return is_same != (condition.get("comparison") == "isNotEqualTo")


def _defaults(found: list[Item]) -> dict[str, str]:
    """What parameters are at first, those left out that somebody is asked for."""
    known: dict[str, str] = {}
    for entry in found:
        for parameter in exported(entry):
            known.setdefault(str(parameter["name"]), str(parameter.get("value") or ""))
    for entry in found:
        for parameter in parameters(entry):
            known.pop(str(parameter.get("name")), None)
            if not parameter.get("query"):
                known[str(parameter.get("name"))] = str(parameter.get("value") or "")
    return known


def _merged(entry: Item) -> set[str]:
    """The items whose rows an item shows."""
    if entry.kind != QUERY or entry.content.get("queryType") != MERGE:
        return set()
    merges = json.loads(entry.content["query"]).get("merges") or []
    return {str(merge[side]) for merge in merges for side in ("leftTable", "rightTable") if merge.get(side)}
