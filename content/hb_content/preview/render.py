"""Renders the workbook over rows of the demo into one HTML page, by running the workbook's own JSON and KQL."""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import itertools
import json
import pathlib
import re
import sys
import time
from collections.abc import Callable
from typing import Any

from hb_content.documents.sources import Sources
from hb_content.documents.workbook import DROPDOWN, LOGS, PILLS, QUERY, TIME, Item, defined, exports, walk
from hb_content.kql.cache import Memo
from hb_content.kql.engine import Engine
from hb_content.preview import rows as demo_rows
from hb_content.preview import soc
from hb_content.preview.results import WORKBOOK, Results
from hb_content.preview.views import Filters, key_of, view_of
from hb_content.preview.workbook import Values

#: The filters of which each two go together everywhere; what only picks rows takes any.
_PAIRED = ("Project", "Severity")
#: The scripts of the page, in the order in which they need each other.
_SCRIPTS = ("model.js", "combine.js", "cells.js", "filters.js", "grid.js", "charts.js", "brush.js", "page.js")
_PAGE = pathlib.Path(__file__).resolve().parent / "page"


class Preview(Results):
    """All results that the page can show."""

    def __init__(self, workbook: dict[str, Any], memo: Memo, now: dt.datetime) -> None:
        super().__init__(workbook, memo, now)
        #: Items whose rows the page finds by itself.
        self.views: dict[str, dict[str, Any]] = {}

    def everything(self, values: Values, choice: Values | None = None) -> None:
        """Every query whose parameters have a value, and whose rows the page does not find by itself for a choice."""
        for path, text in self.queries:
            members = self.views.get(path, {}).get("members", {})
            is_found = all(
                key_of(one) in members.get(name, (key_of(one),)) for name, one in (choice or {}).items()
            )
            if path not in self.views or not is_found:
                self.run(path, text, values)

    def prefetch(self, defaults: Values, choices: list[Values]) -> None:
        """Makes what the queries of many choices call: first those of parameters, which values hang on."""
        asked = [
            (path, parameter["query"])
            for path, parameter in defined(self.workbook)
            if parameter.get("query") and parameter.get("queryType", LOGS) == LOGS
        ]
        self._make([(path, text, {**defaults, **choice}) for choice in choices for path, text in asked])
        chosen = [self.values(**choice) for choice in choices]
        self._make([(path, text, values) for values in chosen for path, text in self.queries])

    def _make(self, asked: list[tuple[str, str, Values]]) -> None:
        filled = [self.texts.fill(*one) for one in asked]
        self._memo.prefetch([one[1] for one in filled if one])

    def compute(self, tell: Callable[[int, int], None]) -> None:
        """The defaults, each other choice of a filter, pairs of the main ones, and each row that opens something."""
        tell(0, 1)
        defaults = self.values()
        filters = {
            parameter["name"]: self._alternatives(path, parameter, defaults)
            for path, parameter in defined(self.workbook)
            if not parameter.get("isHiddenWhenLocked")
        }
        filters = {name: choices for name, choices in filters.items() if choices}
        choices = [{name: choice} for name, listed in filters.items() for choice in listed]
        for first, second in itertools.combinations([name for name in _PAIRED if name in filters], 2):
            choices += [{first: a, second: b} for a in filters[first] for b in filters[second]]
        steps = len(self.queries) + len(choices) + 2
        self.everything(defaults)
        self.prefetch(defaults, choices)
        self._find_views(
            {name: [defaults[name], *listed] for name, listed in filters.items()}, defaults, tell, steps
        )
        for at, choice in enumerate(choices, start=len(self.queries) + 1):
            tell(at, steps)
            self.everything(self.values(**choice), choice)
        tell(steps - 1, steps)
        for item in walk(self.workbook):
            if item.kind == QUERY:
                self._rows_of(item, defaults)
        tell(steps, steps)

    def _find_views(
        self, filters: Filters, defaults: Values, tell: Callable[[int, int], None], steps: int
    ) -> None:
        """The items whose rows the page finds by itself."""
        rows = self._opening(defaults)
        days = self._days(defaults)
        for at, (path, text) in enumerate(self.queries, start=1):
            tell(at, steps)
            chosen = {name: [defaults[name], *values] for name, values in rows.items() if defaults.get(name)}
            view = view_of(self, (path, text), {**chosen, **filters}, defaults, days)
            if view:
                self.views[path] = view

    def _opening(self, values: Values) -> dict[str, list[str]]:
        """What rows set parameters to."""
        found: dict[str, list[str]] = {}
        for item in walk(self.workbook):
            result = self.table(item, values) if item.kind == QUERY and exports(item) else None
            names = [name for name, _ in (result or {}).get("columns", ())]
            for field, parameter in exports(item):
                if field in names and result:
                    told = dict.fromkeys(str(row[names.index(field)]) for row in result["rows"])
                    found[parameter] = [*found.get(parameter, []), *told]
        return found

    def _days(self, values: Values) -> tuple[str, list[str]]:
        """The parameter that marks of charts set, and the days that these charts have points on."""
        found: set[str] = set()
        brush = ""
        longest = {
            parameter["name"]: max(
                (parameter.get("typeSettings") or {}).get("selectableValues") or [parameter["value"]],
                key=lambda one: int(one["durationMs"]),
            )
            for _, parameter in defined(self.workbook)
            if parameter.get("type") == TIME and parameter.get("value")
        }
        for item in walk(self.workbook):
            if not (name := item.content.get("timeBrushParameterName")):
                continue
            brush = name
            result = self.ask(item.path, item.content["query"], {**values, **longest}) or {}
            column = (item.content.get("chartSettings") or {}).get("xAxis")
            at = [one for one, _ in result.get("columns", ())].index(column) if "columns" in result else 0
            found |= {str(row[at])[:10] for row in result.get("rows", ())}
        return brush, sorted(found)

    def _alternatives(self, path: str, parameter: dict[str, Any], values: Values) -> list[Any]:
        """What else may be chosen, one at a time."""
        if parameter.get("type") == TIME:
            listed: list[Any] = (parameter.get("typeSettings") or {}).get("selectableValues") or []
        elif parameter.get("type") in (DROPDOWN, PILLS):
            chosen = [one["value"] for one in self.choices(path, parameter, values)]
            listed = [[value] for value in chosen] if parameter.get("multiSelect") else list(chosen)
        else:
            return []
        return [choice for choice in listed if choice != values[parameter["name"]]]

    def _rows_of(self, item: Item, values: Values) -> None:
        """What the rows of a grid open."""
        result = self.table(item, values)
        if not result or "columns" not in result:
            return
        names = [name for name, _ in result["columns"]]
        limit = (item.content.get("gridSettings") or {}).get("rowLimit", 250)
        for field, parameter in exports(item):
            dependent = [
                (where, text)
                for where, text in self.queries
                if where not in self.views and parameter in self.texts.uses(text)
            ]
            if not field or field not in names:
                continue
            for row in result["rows"][:limit]:
                value = row[names.index(field)]
                for where, text in dependent if value not in (None, "") else []:
                    self.run(where, text, {**values, parameter: str(value)})


def page(data: dict[str, Any]) -> str:
    """The page with everything in it."""
    from plotly.offline import get_plotlyjs  # noqa: PLC0415, it takes a second to import, and is wanted here only

    assets = {path.name: path.read_text(encoding="utf-8") for path in _PAGE.iterdir()}
    code = "\n".join(assets[name] for name in _SCRIPTS)
    parts = {
        "STYLE": assets["page.css"],
        # What ends a script in HTML must not stand in one.
        "CHARTS": get_plotlyjs().replace("</", "<\\/"),
        # A value of a row must not be able to end the element, nor to begin a comment in it.
        "DATA": json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
        "CODE": code.replace("</", "<\\/"),
    }
    # At once: what is put in may hold a mark.
    return re.sub(r"/\*(STYLE|CHARTS|DATA|CODE)\*/", lambda mark: parts[mark[1]], assets["page.html"])


def data_of(preview: Preview, now: dt.datetime, rows: int) -> dict[str, Any]:
    """What the page is drawn from."""
    time = now.isoformat(timespec="milliseconds") + "Z"
    return {
        "workbook": preview.workbook,
        "now": time,
        "rows": rows,
        "index": preview.index,
        "views": preview.views,
        "results": preview.results,
    }


def main() -> int:
    """Reads the arguments and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rows", type=pathlib.Path, required=True, help="the demo's rows, one JSON object a line"
    )
    parser.add_argument("--watchlist", type=pathlib.Path, help="HumanboundProjects as CSV")
    parser.add_argument("--now", required=True, help="when the story ends, RFC 3339")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="the page")
    parser.add_argument(
        "--progress", action="store_true", help="say on stderr what part is done, a JSON object a line"
    )
    arguments = parser.parse_args()
    began = time.monotonic()
    now = (
        dt.datetime.fromisoformat(arguments.now.replace("Z", "+00:00"))
        .astimezone(dt.UTC)
        .replace(tzinfo=None)
    )
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    content = Sources.load()
    workbook = content.workbooks[WORKBOOK]
    engine = Engine(content)
    if arguments.watchlist:
        with arguments.watchlist.open(encoding="utf-8", newline="") as listed:
            engine.set_watchlist(list(csv.DictReader(listed)))
    count = demo_rows.load(engine, arguments.rows, now)
    soc.play(engine, now)
    preview = Preview(workbook, Memo(engine, now), now)

    def tell(done: int, of: int) -> None:
        if arguments.progress:
            print(json.dumps({"done": done, "of": of}), file=sys.stderr, flush=True)
        elif done and done * 10 // of > (done - 1) * 10 // of:
            print(f"{done} of {of} steps", file=sys.stderr, flush=True)

    preview.compute(tell)
    # Whoever looks at the page sees all of it or the one before.
    draft = arguments.output.with_name(arguments.output.name + ".part")
    draft.write_text(page(data_of(preview, now, count)), encoding="utf-8")
    draft.replace(arguments.output)
    failed = [result["error"] for result in preview.results if "error" in result]
    print(json.dumps({"results": len(preview.results), "seconds": round(time.monotonic() - began, 1)}))
    for error in failed[:5]:
        print(f"a query failed: {error}", file=sys.stderr)
    return 1 if failed else 0
