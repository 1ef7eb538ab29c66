"""A workbook as the page runs it: its parameters, what they expand to, and its queries by what they use.

A query has a key: its place, and what its parameters became. `page/model.js` makes the same key in the browser, so that a
difference shows as "not in the preview".
"""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

from hb_content.documents.workbook import LINKS, TIME, USE, defined, exported, walk

#: Steps of a time axis: up to so many hours, this one.
_GRAINS = ((1, "1m"), (4, "5m"), (24, "30m"), (72, "1h"), (24 * 14, "6h"))

Value = Any
Values = dict[str, Value]


def initial(workbook: dict[str, Any]) -> dict[str, str]:
    """The parameters that rows and tabs set, with what they are before that."""
    found: dict[str, str] = {}
    for item in walk(workbook):
        for entry in exported(item):
            if item.kind == LINKS:
                found.setdefault(entry["name"], "")
            else:
                found[entry["name"]] = entry.get("value") or ""
    return found


def options(parameter: dict[str, Any], rows: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    """What a list of choices offers: `value`, `label`, and `selected`."""
    if rows is None:
        rows = json.loads(parameter.get("jsonData") or "[]")
    found = []
    for row in rows:
        if not isinstance(row, dict):
            row = {"value": row}
        names = list(row)
        value = row.get("value", row[names[0]])
        label = row.get("label", row[names[1]] if len(names) > 1 and "value" not in row else value)
        found.append({"value": str(value), "label": str(label), "selected": bool(row.get("selected", False))})
    return found


def expand(parameter: dict[str, Any], value: Value, part: str, now: dt.datetime) -> str | None:
    """What `{Name:part}` becomes; None where the preview does not know."""
    if parameter.get("type") == TIME:
        return _time(value, part, now)
    if part.startswith("$"):
        found = _at(value, part)
        return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    if isinstance(value, list):
        if part not in ("", "value"):
            return None
        quote, settings = parameter.get("quote", ""), parameter.get("typeSettings") or {}
        listed = [settings.get("selectAllValue", "*") if one == "value::all" else one for one in value]
        return str(parameter.get("delimiter", ",")).join(f"{quote}{one}{quote}" for one in listed)
    return str(value) if part in ("", "value") else None


def _at(text: str, path: str) -> Any:
    """What stands at a path like `$.feed.state` or `$.agents[0]` of a text of JSON; empty where nothing does."""
    try:
        found = json.loads(text)
        for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", path):
            found = found[name] if name else found[int(index)]
    except (ValueError, KeyError, IndexError, TypeError):
        return ""
    return "" if found is None else found


def _time(value: Value, part: str, now: dt.datetime) -> str | None:
    if value.get("startTime"):
        start, end = (dt.datetime.fromisoformat(value[key].rstrip("Z")) for key in ("startTime", "endTime"))
    else:
        start, end = now - dt.timedelta(milliseconds=value["durationMs"]), now
    hours = (end - start) / dt.timedelta(hours=1)
    days = round(hours / 24)
    span = f"{days}d" if days * 24 == hours else f"{round(hours * 60)}m"
    return {
        "": f"> ago({span})",
        "value": f"> ago({span})",
        "query": f"TimeGenerated > ago({span})",
        "start": f"datetime({_iso(start)})",
        "end": f"datetime({_iso(end)})",
        "startISO": _iso(start),
        "endISO": _iso(end),
        "grain": next((grain for limit, grain in _GRAINS if hours <= limit), "1d"),
        "seconds": str(round(hours * 3600)),
    }.get(part)


def _iso(time: dt.datetime) -> str:
    return time.isoformat(timespec="milliseconds") + "Z"


class Texts:
    """Fills texts in for values of parameters."""

    def __init__(self, workbook: dict[str, Any], now: dt.datetime) -> None:
        self.now = now
        self.defined = {parameter["name"]: parameter for _, parameter in defined(workbook)}
        self.exported = initial(workbook)
        for item in walk(workbook):
            if name := item.content.get("timeBrushParameterName"):
                self.defined[name] = {"name": name, "type": TIME}

    def uses(self, text: str) -> set[str]:
        """The names of the parameters in a text."""
        return {name for name, _ in USE.findall(text) if name in self.defined or name in self.exported}

    def rows(self, text: str, values: Values) -> list[dict[str, Any]] | None:
        """The rows that a query for JSON holds; None where a parameter has no value."""
        asked = json.loads(text)
        filled = self.fill("", asked["content"], values)
        if filled is None:
            return None
        settings: dict[str, Any] = next((one["settings"] for one in asked.get("transformers") or []), {})
        found = _at(filled[1], settings.get("tablePath") or "$")
        listed = found if isinstance(found, list) else [found] if found != "" else []
        rows = [row if isinstance(row, dict) else {"value": row} for row in listed]
        taken = [(one["columnid"], one["path"].removeprefix("$.")) for one in settings.get("columns") or []]
        return [{name: row.get(key) for name, key in taken} for row in rows] if taken else rows

    def fill(self, path: str, text: str, values: Values) -> tuple[str, str] | None:
        """The key of a query and its text; None where a parameter has no value."""
        parts: list[str] = []
        unknown = False

        def put(match: re.Match[str]) -> str:
            nonlocal unknown
            name, part = match.group(1), match.group(2) or ""
            if name not in self.defined and name not in self.exported:
                return match.group(0)
            value = values.get(name)
            filled = (
                None if value in (None, "") else expand(self.defined.get(name, {}), value, part, self.now)
            )
            if filled is None:
                unknown = True
                return ""
            if filled not in parts:
                parts.append(filled)
            return filled

        full = USE.sub(put, text)
        return (
            None if unknown else (json.dumps([path, *parts], ensure_ascii=False, separators=(",", ":")), full)
        )
