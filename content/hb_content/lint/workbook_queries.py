"""Rules for the items of a workbook that show a query: times, grids, tiles, columns, exports."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from hb_content.documents.files import Content, Document
from hb_content.documents.workbook import QUERY, USE, Item, parameters, texts
from hb_content.lint.code import code
from hb_content.lint.mapping import Complaint

RULES = {
    "wb-time-context": "a query has one time context: the hidden parameter History; the picker would clip TimeGenerated, which Azure rewrites for old events",
    "wb-history": "the parameter History is hidden and spans 730 days",
    "wb-event-time": "a query over a range of time says so with {TimeRange:start} or {TimeRange:end}; what was clicked is shown to now",
    "wb-grid-export": "a grid can be exported to Excel, all of its rows",
    "wb-grid-limit": "a grid has a rowLimit: the portal shows 250 rows otherwise",
    "wb-no-data": "a query that finds nothing says what that means",
    "wb-title": "a query has a title, for those who cannot see the picture",
    "wb-tiles": "a query for tiles gives a row for each tile: of several measures in one row only one is shown",
    "wb-column-match": "a column that a setting names is in the result",
    "wb-export-field": "a column that is exported is in the result",
    "wb-query-count": "the portal slows down what has more than 40 queries",
    "wb-query-length": "a query of a workbook has at most 3,000 characters",
    "wb-query-real": "a query reads data: it is neither a parameter nor a constant alone",
    "wb-threshold-text": "a threshold shows a text too, never a colour alone",
    "wb-chart-aggregation": "a chart says how values are taken together (aggregation), since the portal's default is not documented",
    "wb-chart-scores": "a chart of scores or rates neither has a row of metrics nor a series of all others: both add scores up",
}

#: The range of the hidden parameter that queries take as their time context, in milliseconds.
HISTORY = 730 * 86_400_000

_NUMBERS = ("int", "long", "real")

#: Charts, and columns whose sum says nothing.
CHARTS = (
    "linechart",
    "barchart",
    "unstackedbar",
    "categoricalbar",
    "areachart",
    "timechart",
    "scatterchart",
    "piechart",
)
_SCORE = re.compile(r"(?i)score|mean|median|lowest|highest|rate|share|percent|grade$|hours|days")


def check(
    item: Document, found: list[Item], results: dict[str, dict[str, Any]] | None, content: Content
) -> Iterator[Complaint]:
    """Everything about the queries of a workbook."""
    listed = [(entry, name, text) for entry in found for name, text in texts(entry)]
    if len(listed) > 40:
        yield "wb-query-count", f"there are {len(listed)} queries"
    timed = {
        parser.function_name
        for parser in content.of("parser")
        if {"startTime", "endTime"} & {parameter["name"] for parameter in parser.parameters}
    }
    for entry, name, text in listed:
        yield from _text(entry, name, text, timed)
    yield from _history(found)
    for entry in found:
        if entry.kind == QUERY:
            yield from _item(entry)
            result = (results or {}).get(f"{item.path}#{entry.where}")
            if result and result["columns"] is not None:
                yield from _columns(entry, result["columns"])


def _text(entry: Item, name: str, text: str, timed: set[str]) -> Iterator[Complaint]:
    plain = code(text)
    if len(text) > 3000:
        yield "wb-query-length", f"{name} has {len(text)} characters"
    if not re.search(r"\b(Humanbound\w+\s*\(|[A-Z]\w+\s*\|)", plain) or USE.fullmatch(text.strip()):
        yield "wb-query-real", name
    if any(re.search(rf"\b{function}\s*\(", plain) for function in timed) and not re.search(
        r"\{TimeRange:(start|end)\}|\(now\(\)\)[^;]*\{Sel\w+\}", text
    ):
        yield "wb-event-time", name
    holders = (
        [entry.content]
        if name == entry.where
        else [p for p in parameters(entry) if name.endswith(f"/{p['name']}")]
    )
    for holder in holders:
        if "timeContext" in holder or holder.get("timeContextFromParameter") != "History":
            yield "wb-time-context", f"{name} must have timeContextFromParameter: History, and no timeContext"


def _history(found: list[Item]) -> Iterator[Complaint]:
    listed = [p for entry in found for p in parameters(entry) if p.get("name") == "History"]
    is_right = any(
        parameter.get("isHiddenWhenLocked") is True
        and isinstance(parameter.get("value"), dict)
        and parameter["value"].get("durationMs") == HISTORY
        for parameter in listed
    )
    if not is_right:
        yield "wb-history", "there is no hidden parameter History with durationMs of 730 days"


def _item(entry: Item) -> Iterator[Complaint]:
    content = entry.content
    if not content.get("noDataMessage"):
        yield "wb-no-data", entry.where
    if not content.get("title"):
        yield "wb-title", entry.where
    if content.get("visualization", "table") == "table":
        if content.get("showExportToExcel") is not True or content.get("exportToExcelOptions") != "all":
            yield "wb-grid-export", entry.where
        if not (content.get("gridSettings") or {}).get("rowLimit"):
            yield "wb-grid-limit", entry.where
    if content.get("visualization") in CHARTS:
        yield from _chart(entry)
    for options in _find(content, "formatOptions"):
        for threshold in options.get("thresholdsGrid") or []:
            if not str(threshold.get("text", "")).strip():
                yield "wb-threshold-text", f"{entry.where}: {threshold.get('thresholdValue')}"


def _chart(entry: Item) -> Iterator[Complaint]:
    settings = entry.content.get("chartSettings") or {}
    if not isinstance(entry.content.get("aggregation"), int):
        yield "wb-chart-aggregation", entry.where
    scores = [name for name in settings.get("yAxis") or [] if _SCORE.search(str(name))]
    if scores and settings.get("showMetrics") is not False:
        yield "wb-chart-scores", f"{entry.where}: {', '.join(scores)} in a row of metrics"
    if scores and settings.get("createOtherGroup"):
        yield "wb-chart-scores", f"{entry.where}: {', '.join(scores)} in a series of all others"


def _find(value: Any, key: str) -> Iterator[Any]:
    """The values of a key, however deep."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == key and isinstance(inner, dict):
                yield inner
            yield from _find(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _find(inner, key)


def _named(value: Any) -> Iterator[str]:
    """The columns that settings name."""
    keys = (
        "columnMatch",
        "columnId",
        "itemKey",
        "sortCriteriaField",
        "parentColumn",
        "idColumn",
        "seriesName",
        "linkColumn",
    )
    if isinstance(value, dict):
        yield from (inner for key, inner in value.items() if key in keys and isinstance(inner, str) and inner)
        for inner in value.values():
            yield from _named(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner)


def _columns(entry: Item, columns: list[dict[str, str]]) -> Iterator[Complaint]:
    names = {column["name"] for column in columns}
    settings = [entry.content.get(key) for key in ("gridSettings", "tileSettings", "statSettings", "sortBy")]
    named = set(_named(settings))
    for name in sorted(named):
        # `columnMatch` may be a pattern.
        if name not in names and not any(
            re.fullmatch(name, column) for column in names if not name.isidentifier()
        ):
            yield "wb-column-match", f"{entry.where}: {name}"
    for export in entry.content.get("exportedParameters") or []:
        field = export.get("fieldName", "")
        if field and field not in names:
            yield "wb-export-field", f"{entry.where}: {field}"
    if entry.content.get("exportFieldName") and entry.content["exportFieldName"] not in names | {
        "series",
        "x",
        "y",
    }:
        yield "wb-export-field", f"{entry.where}: {entry.content['exportFieldName']}"
    if entry.content.get("visualization") == "tiles":
        unbound = sorted(c["name"] for c in columns if c["type"] in _NUMBERS and c["name"] not in named)
        if unbound:
            yield "wb-tiles", f"{entry.where}: no part of a tile shows {', '.join(unbound)}"
