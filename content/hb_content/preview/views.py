"""Items whose query only picks rows: the rows of each value of one filter give those of any values together.

The page keeps all rows of such an item, and for each value of a filter which of them it lets through; what several filters
let through is what each of them does. Whether a query only picks rows is tried out: each value's rows must be among all
rows, and a few combinations must give what the query itself gives.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from hb_content.documents.workbook import TIME, USE
from hb_content.preview.results import Results
from hb_content.preview.workbook import Values, expand

#: What is not about one row, at the level of the query itself.
_WHOLE = re.compile(
    r"\|\s*(summarize|count|distinct|make-series|top|take|limit|join|render|union)\b|^\s*union\b"
)
#: How many rows at most, as the last thing that a query does.
_TAKE = re.compile(r"\n\|\s*(?:take|limit)\s+(\d+)\s*\Z")
_ALL = "value::all"
#: A mark in a chart is of whole days; the point of a day stands at its midnight.
_HALF = dt.timedelta(hours=12)
#: So many combinations are compared with what the query gives.
_TRIES = 6

Filters = dict[str, list[Any]]


def view_of(
    results: Results, where: tuple[str, str], filters: Filters, defaults: Values, brush: tuple[str, list[str]]
) -> dict[str, Any] | None:
    """What the page needs for any values of an item's filters; None where its query does more than pick rows."""
    path, text = where
    cut = _TAKE.search(text)
    text = text[: cut.start()] if cut else text
    if _WHOLE.search(_outermost(text)):
        return None
    names = results.texts.uses(text)
    view = _View(results, path, text, {name: filters[name] for name in filters if name in names}, defaults)
    if brush[0] in names and not view.mark(*brush):
        return None
    if not view.widen() or not view.split() or not view.holds():
        return None
    return view.data(int(cut[1]) if cut else None)


def key_of(value: Any) -> str:
    """What the page calls a value of a filter."""
    if isinstance(value, dict):
        return str(value["durationMs"])
    return str(value[0] if isinstance(value, list) else value)


def _outermost(text: str) -> str:
    """A query without strings, comments and what stands in brackets."""
    text = re.sub(r"""'[^'\n]*'|"[^"\n]*"|//[^\n]*""", "", text)
    before = None
    while before != text:
        before, text = text, re.sub(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}", "", text)
    return text


class _View:
    """One item while it is tried out."""

    def __init__(self, results: Results, path: str, text: str, filters: Filters, defaults: Values) -> None:
        self._results, self._path, self._text = results, path, text
        self._filters, self._widest = filters, dict(defaults)
        self._brush: tuple[str, list[str]] | None = None
        self._column = ""
        self._rows: list[str] = []
        self._base: dict[str, Any] = {}
        self._members: dict[str, dict[str, list[int]]] = {}

    def _ask(self, **chosen: Any) -> dict[str, Any] | None:
        found = self._results.ask(self._path, self._text, {**self._widest, **chosen})
        return found if found and "columns" in found else None

    def mark(self, name: str, days: list[str]) -> bool:
        """Marks all days."""
        if not days:
            return False
        self._brush = name, days
        self._widest[name] = marked(days[0], days[-1])
        return True

    def widen(self) -> bool:
        """Finds the values of all filters that let everything through, and its rows."""
        for name, values in self._filters.items():
            parameter = self._results.texts.defined.get(name, {})
            if parameter.get("type") == TIME:
                self._widest[name] = max(values, key=lambda one: int(one["durationMs"]))
            elif [_ALL] in values:
                self._widest[name] = [_ALL]
        for name, values in self._filters.items():
            if isinstance(self._widest.get(name), str):
                counts = [len((self._ask(**{name: value}) or {"rows": ()})["rows"]) for value in values]
                self._widest[name] = values[counts.index(max(counts))]
        self._base = self._ask() or {}
        self._rows = [json.dumps(row) for row in self._base.get("rows", [])]
        return bool(self._base)

    def split(self) -> bool:
        """Finds what each value lets through; False where that is not a part of all rows."""
        for name, values in self._filters.items():
            full = self._full()
            members: dict[str, list[int]] = {}
            matters = False
            for value in values:
                if self._full(**{name: value}) == full:
                    members[key_of(value)] = list(range(len(self._rows)))
                    continue
                matters = True
                found = self._ask(**{name: value})
                at = None if found is None else self._positions(found["rows"])
                if at is None:
                    return False
                members[key_of(value)] = at
            if matters:
                self._members[name] = members
        self._leave_out()
        return self._brush is None or self._splits_by_day()

    def _full(self, **chosen: Any) -> str:
        return (self._results.texts.fill(self._path, self._text, {**self._widest, **chosen}) or ("", ""))[1]

    def _positions(self, rows: Iterable[Any]) -> list[int] | None:
        """Where rows stand among all rows; None where one is not among them."""
        places = defaultdict(list)
        for at, row in reversed(list(enumerate(self._rows))):
            places[row].append(at)
        found = []
        for row in rows:
            if not (listed := places[json.dumps(row)]):
                return None
            found.append(listed.pop())
        return sorted(found)

    def _splits_by_day(self) -> bool:
        """Whether the rows of a day are those that a column has the day of."""
        assert self._brush
        name, days = self._brush
        columns = [column for column, kind in self._base["columns"] if kind == "datetime"]
        if not columns:
            return False
        self._column = columns[0]
        at = [column for column, _ in self._base["columns"]].index(self._column)
        for day in {days[0], days[len(days) // 2], days[-1]}:
            found = self._ask(**{name: marked(day, day)})
            wanted = [n for n, row in enumerate(self._base["rows"]) if str(row[at])[:10] == day]
            if found is None or self._positions(found["rows"]) != wanted:
                return False
        return True

    def _leave_out(self) -> None:
        """Leaves out values that mean something else in another time range, as "new in the range" does."""
        time = self._shortest()
        for name, values in self._filters.items():
            if not time or name not in self._members or isinstance(values[0], list | dict):
                continue
            for value in values:
                if not self._holds((time, (name, value))):
                    del self._members[name][key_of(value)]

    def _shortest(self) -> tuple[str, Any] | None:
        """The time filter with its shortest range."""
        for name, values in self._filters.items():
            if name in self._members and isinstance(values[0], dict):
                return name, min(values, key=lambda one: int(one["durationMs"]))
        return None

    def holds(self) -> bool:
        """Whether what is found for combinations is what the query gives."""
        return all(self._holds(pair) for pair in itertools.islice(self._pairs(), _TRIES))

    def _holds(self, pair: tuple[tuple[str, Any], tuple[str, Any]]) -> bool:
        found = self._ask(**dict(pair))
        through = [set(self._members[name][key_of(value)]) for name, value in pair]
        return found is not None and self._positions(found["rows"]) == sorted(through[0] & through[1])

    def _pairs(self) -> Iterator[tuple[tuple[str, Any], tuple[str, Any]]]:
        """Two filters at a time, each with a value that lets some rows through, not all; first those with a short time."""
        telling = [time] if (time := self._shortest()) else []
        for name, members in self._members.items():
            values = {key_of(value): value for value in self._filters[name]}
            listed = [key for key, at in members.items() if 0 < len(at) < len(self._rows)]
            if listed and (not time or name != time[0]):
                key = max(listed, key=lambda one: len(members[one]))
                telling.append((name, values[key]))
        yield from itertools.combinations(telling, 2)

    def data(self, take: int | None) -> dict[str, Any]:
        """What the page needs."""
        fixed = {}
        for name, part in USE.findall(self._text):
            if name in self._results.texts.uses(self._text) and name not in self._members:
                parameter = self._results.texts.defined.get(name, {})
                fixed[f"{name}:{part}"] = expand(parameter, self._widest[name], part, self._results.texts.now)
        return {
            "result": self._results.keep(self._base),
            "members": self._members,
            "fixed": fixed,
            "take": take,
            "brush": {"name": self._brush[0], "column": self._column} if self._brush else None,
        }


def marked(first: str, last: str) -> dict[str, str]:
    """The time that is marked when the days from `first` to `last` are."""
    begin, end = (dt.datetime.fromisoformat(day) for day in (first, last))
    end += _HALF - dt.timedelta(milliseconds=1)
    return {
        key: f"{time.isoformat(timespec='milliseconds')}Z"
        for key, time in (("startTime", begin - _HALF), ("endTime", end))
    }
