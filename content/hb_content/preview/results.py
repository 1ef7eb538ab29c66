"""What the workbook shows for values of its parameters, by running its own JSON and KQL."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import math
from collections.abc import Callable
from typing import Any

from hb_content.documents.workbook import DROPDOWN, PILLS, QUERY, defined, walk
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
            if item.kind == QUERY and item.content.get("queryType", 0) == 0
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

    def _add(self, key: str, result: dict[str, Any]) -> None:
        text = json.dumps(result, ensure_ascii=False)
        if text not in self._seen:
            self._seen[text] = len(self.results)
            self.results.append(result)
        self.index[key] = self._seen[text]

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
            value = "asked" if parameter.get("queryType", 0) != 0 and kind == 1 else parameter.get("value")
            if value in (None, "") and listed:
                first = next((one["value"] for one in listed if one["selected"]), listed[0]["value"])
                value = [first] if parameter.get("multiSelect") else first
            values[name] = "" if value is None else value
            values |= {key: value for key, value in chosen.items() if key == name}
        return values


def _failure(error: Exception) -> dict[str, Any]:
    return {"error": f"{type(error).__name__}: {error}".strip()[:600]}


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
