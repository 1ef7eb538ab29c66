"""Renders the workbook over rows of the demo into one HTML page, by running the workbook's own JSON and KQL."""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import json
import pathlib
import re
import sys
import time
from collections.abc import Callable
from typing import Any

from hb_content.documents.sources import Sources
from hb_content.documents.workbook import DROPDOWN, PILLS, QUERY, TIME, Item, defined, exports, walk
from hb_content.kql.cache import Memo
from hb_content.kql.engine import Engine
from hb_content.preview import rows as demo_rows
from hb_content.preview import soc
from hb_content.preview.results import WORKBOOK, Results
from hb_content.preview.workbook import Values

_PAGE = pathlib.Path(__file__).resolve().parent / "page"


class Preview(Results):
    """All results that the page can show."""

    def everything(self, values: Values) -> None:
        """Every query whose parameters have a value."""
        for path, text in self.queries:
            self.run(path, text, values)

    def compute(self, tell: Callable[[int, int], None]) -> None:
        """The defaults, each other choice of one filter, and each row that opens something; tells what part is done."""
        tell(0, 1)
        defaults = self.values()
        self.everything(defaults)
        choices = [
            {parameter["name"]: choice}
            for path, parameter in defined(self.workbook)
            if not parameter.get("isHiddenWhenLocked")
            for choice in self._alternatives(path, parameter, defaults)
        ]
        for at, choice in enumerate(choices, start=1):
            tell(at, len(choices) + 2)
            self.everything(self.values(**choice))
        tell(len(choices) + 1, len(choices) + 2)
        for item in walk(self.workbook):
            if item.kind == QUERY:
                self._rows_of(item, defaults)

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
            dependent = [(where, text) for where, text in self.queries if parameter in self.texts.uses(text)]
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
    code = "\n".join(assets[name] for name in ("model.js", "cells.js", "grid.js", "charts.js", "page.js"))
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
