"""A workbook: the one walk over its items, with what is in scope of them, and its queries with parameters filled in.

The format: https://github.com/microsoft/Application-Insights-Workbooks
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from hb_content.documents.files import Document, Query

TEXT, QUERY, PARAMETERS, LINKS, GROUP = 1, 3, 9, 11, 12
TEXT_PARAMETER, DROPDOWN, TIME, RESOURCE, PILLS = 1, 2, 4, 5, 10

#: Where rows come from: the workspace, another item, or the text of the query itself.
LOGS, MERGE, JSON = 0, 7, 8

#: A use of a parameter: `{Name}`, `{Name:part}`, or `{Name:$.path}` of one that holds JSON.
USE = re.compile(r"\{([A-Za-z_]\w*)(?::([a-zA-Z]\w*|\$[\w.\[\]]*))?\}")

#: What the parts of a time parameter become.
TIME_PARTS = {
    "": "> ago(7d)",
    "start": "datetime(2026-01-01T00:00:00Z)",
    "end": "datetime(2026-01-08T00:00:00Z)",
    "grain": "1h",
    "label": "Last 7 days",
    "value": "> ago(7d)",
    "query": "TimeGenerated > ago(7d)",
}


@dataclass
class Item:
    """An item of a workbook: `where` is its path of names, `path` that of positions; `scope` are the parameters that it may use."""

    value: dict[str, Any]
    where: str
    path: str
    groups: tuple[dict[str, Any], ...] = ()
    scope: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def kind(self) -> int:
        """The type of the item, 0 where it has none."""
        kind = self.value.get("type")
        return kind if isinstance(kind, int) else 0

    @property
    def name(self) -> str:
        """The name of the item, empty where it has none."""
        return str(self.value.get("name") or "")

    @property
    def content(self) -> dict[str, Any]:
        """What is in the item."""
        content = self.value.get("content")
        return content if isinstance(content, dict) else {}


def walk(workbook: Any) -> Iterator[Item]:
    """Every item in the order of the page, groups before what is in them."""
    value = workbook if isinstance(workbook, dict) else {}
    return _walk(value.get("items"), "", "", (), {})


def _walk(
    listed: Any, where: str, path: str, groups: tuple[dict[str, Any], ...], scope: dict[str, Any]
) -> Iterator[Item]:
    """The items of a list; adds what they define to `scope`, in the order of the page."""
    for index, value in enumerate(listed if isinstance(listed, list) else []):
        if not isinstance(value, dict):
            continue
        item = Item(value, f"{where}/{value.get('name') or index}".lstrip("/"), f"{path}/{index}", groups)
        # A later parameter of the same item may use an earlier one.
        own = {str(entry.get("name")): entry for entry in parameters(item)}
        item.scope = {**scope, **own}
        yield item
        scope.update(own)
        scope.update({str(entry["name"]): entry for entry in exported(item)})
        if item.kind == GROUP:
            inner = dict(scope)
            yield from _walk(item.content.get("items"), item.where, item.path, (*groups, value), inner)
            if item.content.get("exportParameters") is True:
                scope.update(inner)


def parameters(item: Item) -> list[dict[str, Any]]:
    """The parameters that an item of parameters defines."""
    listed = item.content.get("parameters") if item.kind == PARAMETERS else []
    return [entry for entry in listed or [] if isinstance(entry, dict)]


def defined(workbook: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every parameter with its path of positions."""
    for item in walk(workbook):
        for index, parameter in enumerate(parameters(item)):
            yield f"{item.path}/p{index}", parameter


def exports(item: Item) -> list[tuple[str, str]]:
    """The columns that a row sets parameters from, with the parameters."""
    found = [
        (str(entry.get("fieldName") or ""), str(entry["parameterName"]))
        for entry in item.content.get("exportedParameters") or []
        if isinstance(entry, dict) and entry.get("parameterName")
    ]
    if item.content.get("exportParameterName"):
        found.append((item.content.get("exportFieldName") or "", item.content["exportParameterName"]))
    return found


def exported(item: Item) -> list[dict[str, Any]]:
    """The parameters that a row, tile or brush of an item sets, as if an item of parameters had defined them."""
    found = []
    for entry in item.content.get("exportedParameters") or []:
        if isinstance(entry, dict) and entry.get("parameterName"):
            found.append(
                {
                    "name": entry["parameterName"],
                    "type": TEXT_PARAMETER,
                    "value": entry.get("defaultValue", ""),
                }
            )
    if item.content.get("exportParameterName"):
        value = item.content.get("exportDefaultValue", "")
        found.append({"name": item.content["exportParameterName"], "type": TEXT_PARAMETER, "value": value})
    if item.content.get("timeBrushParameterName"):
        found.append({"name": item.content["timeBrushParameterName"], "type": TIME})
    if item.kind == LINKS:
        for link in item.content.get("links") or []:
            if isinstance(link, dict) and link.get("linkTarget") == "parameter":
                found.append(
                    {"name": link.get("cellValue"), "type": TEXT_PARAMETER, "value": link.get("subTarget")}
                )
    return found


def conditions(entry: Item) -> list[dict[str, Any]]:
    """The conditions under which an item is shown."""
    single = entry.value.get("conditionalVisibility")
    listed = [single] if single else entry.value.get("conditionalVisibilities") or []
    return [
        condition for condition in listed if isinstance(condition, dict) and condition.get("parameterName")
    ]


def items(document: Document) -> list[Item]:
    """Every item of a workbook's file."""
    return list(walk(document.value))


def filled(text: str, scope: dict[str, dict[str, Any]], chosen: Sequence[str] = ("*",)) -> str:
    """A text with its parameters filled in, each as the portal would for a value that is there; of a list that takes several, `chosen`."""

    def value(match: re.Match[str]) -> str:
        name, part = match.group(1), match.group(2) or ""
        parameter = scope.get(name)
        if parameter is None:
            return match.group(0)
        if parameter.get("type") == TIME:
            return TIME_PARTS.get(part, match.group(0))
        if parameter.get("type") == DROPDOWN:
            quote = str(parameter.get("quote", "'"))
            several = str(parameter.get("delimiter", ",")).join(f"{quote}{one}{quote}" for one in chosen)
            return several if parameter.get("multiSelect") else str(_scalar(parameter) or "x")
        return str(_scalar(parameter) or "1")

    return USE.sub(value, text)


def _scalar(parameter: dict[str, Any]) -> str:
    value = parameter.get("value")
    return str(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""


def texts(item: Item) -> Iterator[tuple[str, str]]:
    """The KQL of an item, by a name: its own, and those of its parameters."""
    if (
        item.kind == QUERY
        and isinstance(item.content.get("query"), str)
        and item.content.get("queryType", 0) == 0
    ):
        yield item.where, item.content["query"]
    for entry in parameters(item):
        if isinstance(entry.get("query"), str) and entry.get("queryType", 0) == 0:
            yield f"{item.where}/{entry.get('name')}", entry["query"]


def queries(document: Document) -> list[Query]:
    """Every KQL text of a workbook, filled in."""
    return [
        Query(f"{document.path}#{name}", filled(text, item.scope), indent=-1)
        for item in items(document)
        for name, text in texts(item)
    ]


def variants(document: Document) -> list[Query]:
    """The same texts with one and with several values chosen, where that makes a difference."""
    found = []
    found_texts = [(item, text) for item in items(document) for _, text in texts(item)]
    for query, (item, text) in zip(queries(document), found_texts, strict=True):
        for name, chosen in (("one", ("a-1",)), ("several", ("a-1", "B 2", "c.3"))):
            other = filled(text, item.scope, chosen)
            if other != query.text:
                found.append(Query(f"{query.id} ({name})", other, indent=-1))
    return found
