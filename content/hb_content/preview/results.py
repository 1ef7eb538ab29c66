"""What the workbook shows for values of its parameters, by running its own JSON and KQL."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import math
from collections.abc import Callable
from typing import Any

from hb_content.documents.workbook import DROPDOWN, JSON, LOGS, MERGE, PILLS, QUERY, Item, defined, walk
from hb_content.kql.cache import Memo
from hb_content.preview.workbook import Texts, Values, options

WORKBOOK = "HumanboundCisoDashboard"
_KINDS = {
    "VARCHAR": "string",
    "BIGINT": "long",
    "INTEGER": "long",
    "HUGEINT": "long",
    "DOUBLE": "real",
    "BOOLEAN": "bool",
    "INTERVAL": "timespan",
}


class Results:
    """The results of a workbook's queries, each made once."""

    def __init__(self, workbook: dict[str, Any], memo: Memo, now: dt.datetime) -> None:
        self.workbook, self._memo = workbook, memo
        self.texts = Texts(workbook, now)
        self.results: list[dict[str, Any]] = []
        self.index: dict[str, int] = {}
        self._seen: dict[str, int] = {}
        self.queries = [
            (item.path, item.content["query"])
            for item in walk(workbook)
            if item.kind == QUERY and item.content.get("queryType", LOGS) == LOGS
        ]

    def run(self, path: str, text: str, values: Values) -> dict[str, Any] | None:
        """The result of a query for `values`, made if it is not there yet; None where a value is missing."""
        filled = self.texts.fill(path, text, values)
        if filled is None:
            return None
        key, full = filled
        if key not in self.index:
            self._add(key, self._result(lambda: self._memo.query(full)))
        return self.results[self.index[key]]

    def ask(self, path: str, text: str, values: Values) -> dict[str, Any] | None:
        """The same, but the page does not get it."""
        filled = self.texts.fill(path, text, values)
        return None if filled is None else self._result(lambda: self._memo.query(filled[1]))

    def _add(self, key: str, result: dict[str, Any]) -> None:
        self.index[key] = self.keep(result)

    def keep(self, result: dict[str, Any]) -> int:
        """Gives a result to the page; says its number there."""
        text = json.dumps(result, ensure_ascii=False)
        if text not in self._seen:
            self._seen[text] = len(self.results)
            self.results.append(result)
        return self._seen[text]

    @staticmethod
    def _result(run: Callable[[], tuple[list[tuple[str, str]], list[tuple[Any, ...]]]]) -> dict[str, Any]:
        try:
            columns, found = run()
        except Exception as error:  # As above.
            return _failure(error)
        kinds = [(name, _kind(kind)) for name, kind in columns]
        return {
            "columns": kinds,
            "rows": [[_shown(v, k) for v, (_, k) in zip(row, kinds, strict=True)] for row in found],
        }

    def table(self, item: Item, values: Values) -> dict[str, Any] | None:
        """What an item shows, wherever its rows come from; None where a value is missing, or where nobody here can be asked."""
        text, kind = item.content.get("query", ""), item.content.get("queryType", LOGS)
        if kind == LOGS:
            return self.run(item.path, text, values)
        if kind == JSON:
            rows = self.texts.rows(text, values)
            return None if rows is None else _table(rows)
        return self._merged(json.loads(text), values) if kind == MERGE else None

    def _merged(self, merge: dict[str, Any], values: Values) -> dict[str, Any] | None:
        """The rows of another item, with the columns that are taken and what they are called."""
        [source] = {one["leftTable"] for one in merge["merges"] if one["mergeType"] == "table"}
        [item] = [one for one in walk(self.workbook) if one.name == source]
        found = self.table(item, values)
        if not found or "columns" not in found:
            return found
        names = [name for name, _ in found["columns"]]
        taken = [
            (names.index(one["originalName"].removeprefix(f"[{source}].")), one["mergedName"])
            for one in merge["projectRename"]
        ]
        return {
            "columns": [(name, found["columns"][at][1]) for at, name in taken],
            "rows": [[row[at] for at, _ in taken] for row in found["rows"]],
        }

    def choices(self, path: str, parameter: dict[str, Any], values: Values) -> list[dict[str, Any]]:
        """What a parameter offers for `values` of those before it."""
        if parameter.get("query") and parameter.get("queryType", 0) == 0:
            result = self.run(path, parameter["query"], values) or {}
            return options(
                parameter,
                [
                    dict(zip([c for c, _ in result["columns"]], row, strict=True))
                    for row in result.get("rows", [])
                ]
                if "columns" in result
                else [],
            )
        if parameter.get("queryType") == JSON:
            return options(parameter, self.texts.rows(parameter["query"], values) or [])
        return options(parameter)

    def values(self, **chosen: Any) -> Values:
        """The value of each parameter: what was chosen, else its own, else what its query or list gives."""
        values: Values = {name: chosen.get(name, value) for name, value in self.texts.exported.items()}
        for path, parameter in defined(self.workbook):
            name, kind = parameter["name"], parameter.get("type")
            listed = (
                self.choices(path, parameter, values)
                if kind in (1, DROPDOWN, PILLS) and (parameter.get("query") or parameter.get("jsonData"))
                else []
            )
            # What is asked from elsewhere has an answer that nobody here knows.
            is_foreign = parameter.get("queryType", LOGS) not in (LOGS, JSON)
            value = "asked" if is_foreign and kind == 1 else parameter.get("value")
            if value in (None, "") and listed:
                first = next((one["value"] for one in listed if one["selected"]), listed[0]["value"])
                value = [first] if parameter.get("multiSelect") else first
            values[name] = "" if value is None else value
            values |= {key: value for key, value in chosen.items() if key == name}
        return values


def _failure(error: Exception) -> dict[str, Any]:
    return {"error": f"{type(error).__name__}: {error}".strip()[:600]}


def _table(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Rows of JSON as a query gives them."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    kinds = [(name, _json_kind(next(row[name] for row in rows if name in row))) for name in names]
    return {"columns": kinds, "rows": [[row.get(name) for name in names] for row in rows]}


def _json_kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return "long" if isinstance(value, int) else "real" if isinstance(value, float) else "string"


def _kind(kind: str) -> str:
    if kind.startswith("TIMESTAMP"):
        return "datetime"
    return "real" if kind.startswith("DECIMAL") else _KINDS.get(kind, "dynamic")


def _shown(value: Any, kind: str) -> Any:
    """A value as JSON has it."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity"
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(timespec="milliseconds") + "Z"
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if kind == "dynamic" and isinstance(value, str):
        return json.loads(value)
    if isinstance(value, list | dict):
        return json.loads(json.dumps(value, default=str))
    return value
