"""Rules for workbooks: what the portal does not say when it draws one wrong. Their KQL is checked as any other."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from hb_content.documents.files import Content, Document, Finding
from hb_content.documents.workbook import (
    DROPDOWN,
    GROUP,
    JSON,
    LINKS,
    PARAMETERS,
    QUERY,
    TIME,
    USE,
    Item,
    conditions,
    items,
    parameters,
    texts,
)
from hb_content.lint import first_visit
from hb_content.lint import workbook_queries as queries
from hb_content.lint.mapping import Complaint
from hb_content.lint.schema import GUID, IDENTIFIER

RULES = (
    {
        "wb-schema": "a workbook is a Notebook/1.0 that names its schema, and has items",
        "wb-unknown-key": "a key that is misspelt is one that the portal silently does without",
        "wb-item-name": "an item has a name of its own, and not the one that the portal gave it",
        "wb-parameter-label": "a parameter that people see has a label",
        "wb-parameter-id": "a parameter has a GUID and a name that a query can use",
        "wb-parameter-used": "a parameter that nothing uses promises a filter that there is not",
        "wb-parameter-defined": "a parameter that is used is defined above, in the same group or in one around it",
        "wb-hidden-azure": "a workbook names no subscription and no workspace",
        "wb-size": "the file of a workbook has less than 130,000 characters, because Bicep reads no file of over 131,072, and at most 100 items",
        "wb-template-id": "fromTemplateId is sentinel-NAME without blanks, and not that of a user's workbook",
        "wb-tabs": "each tab shows exactly one group, and one of them at first",
    }
    | queries.RULES
    | first_visit.RULES
)

_COMMON = "type name content conditionalVisibility conditionalVisibilities customWidth styleSettings showPin"
_QUERY = """version query size title queryType resourceType visualization noDataMessage noDataMessageStyle timeContext
    timeContextFromParameter timeBrushParameterName timeBrushExportOnlyWhenBrushed exportedParameters exportFieldName
    exportParameterName exportDefaultValue exportMultipleValues showExportToExcel exportToExcelOptions showAnalytics
    showRefreshButton gridSettings tileSettings chartSettings statSettings graphSettings mapSettings sortBy color
    crossComponentResources aggregation showAnnotations isQueryExpanded"""
_GROUP = "version groupType title items loadType loadButtonText exportParameters expandable expanded style"
_PARAMETER = """id version name label description type isRequired isGlobal isHiddenWhenLocked multiSelect quote delimiter
    query value typeSettings timeContext timeContextFromParameter queryType resourceType crossComponentResources jsonData
    criteriaData defaultValue"""

#: The keys that we know of, by what they are in.
KEYS: dict[object, str] = {
    "workbook": "version items fallbackResourceIds fromTemplateId $schema styleSettings isLocked",
    "item": _COMMON,
    1: "json style",
    QUERY: _QUERY,
    PARAMETERS: "version style parameters queryType resourceType crossComponentResources",
    10: "chartId version",
    LINKS: "version style links tabStyle",
    GROUP: _GROUP,
    "parameter": _PARAMETER,
    "link": "id cellValue linkTarget linkLabel subTarget style preText postText icon linkIsContextBlade tooltipFormat",
    "gridSettings": "rowLimit filter formatters labelSettings sortBy hierarchySettings",
    "formatter": "columnMatch formatter formatOptions numberFormat tooltipFormat dateFormat",
}


def check(item: Document, results: dict[str, dict[str, Any]] | None, content: Content) -> Iterator[Finding]:
    """Everything about a workbook but its KQL; without `results` nothing about columns."""
    found = items(item)
    problems: list[Complaint] = [*_whole(item, found), *_keys(item, found), *_names(found)]
    problems += [*_parameters(item, found), *_defined(found), *_tabs(found)]
    problems += [*queries.check(item, found, results, content), *first_visit.check(found)]
    for rule, message in problems:
        yield Finding(item.path, rule, message)


def _whole(item: Document, found: list[Item]) -> Iterator[Complaint]:
    value = item.value if isinstance(item.value, dict) else {}
    schema = str(value.get("$schema", ""))
    if value.get("version") != "Notebook/1.0" or "schema/workbook.json" not in schema or not found:
        yield "wb-schema", "version, $schema or items are missing"
    template = str(value.get("fromTemplateId", ""))
    if not re.match(r"^sentinel-[A-Za-z0-9]+$", template) or template == "sentinel-UserWorkbook":
        yield "wb-template-id", template or "there is none"
    if re.search(r"(?i)subscriptions/[0-9a-f]{8}-|/workspaces/|\bworkspace\s*\(", item.text):
        yield "wb-hidden-azure", "a subscription or workspace is named"
    size = len(item.text)
    if size >= 130_000 or len(found) > 100:
        yield "wb-size", f"{size} characters, {len(found)} items"


def _known(value: Any, kind: object, where: str) -> Iterator[Complaint]:
    keys = KEYS.get(kind)
    for key in value if isinstance(value, dict) and keys is not None else ():
        if keys and key not in keys.split():
            yield "wb-unknown-key", f"{where}: {key}"


def _keys(item: Document, found: list[Item]) -> Iterator[Complaint]:
    yield from _known(item.value, "workbook", "the workbook")
    for entry in found:
        yield from _known(entry.value, "item", entry.where)
        if entry.kind not in KEYS:
            yield "wb-unknown-key", f"{entry.where}: items of type {entry.kind} are not known"
        yield from _known(entry.content, entry.kind, entry.where)
        for parameter in parameters(entry):
            yield from _known(parameter, "parameter", f"{entry.where}/{parameter.get('name')}")
        for link in entry.content.get("links") or []:
            yield from _known(link, "link", entry.where)
        grid = entry.content.get("gridSettings") or {}
        yield from _known(grid, "gridSettings", entry.where)
        for formatter in grid.get("formatters") or []:
            yield from _known(formatter, "formatter", entry.where)


def _names(found: list[Item]) -> Iterator[Complaint]:
    names = Counter(entry.name for entry in found)
    for entry in found:
        if not entry.name or re.match(r"^(text|query|parameters|links|group) - \d+", entry.name):
            yield "wb-item-name", f"{entry.where}: {entry.name or 'no name'}"
        elif names[entry.name] > 1:
            yield "wb-item-name", f"{entry.name} is the name of {names[entry.name]} items"


def _uses(found: list[Item]) -> Counter[str]:
    """How often each parameter is used, by text, by time context, or to show and hide."""
    used: Counter[str] = Counter()
    for entry in found:
        own = {key: value for key, value in entry.value.items() if key != "content" or entry.kind != GROUP}
        used.update(match.group(1) for match in USE.finditer(str(own)))
        if entry.kind == GROUP:
            used.update(match.group(1) for match in USE.finditer(str(entry.content.get("title", ""))))
        for holder in (entry.content, *parameters(entry)):
            used.update(
                [holder["timeContextFromParameter"]] if holder.get("timeContextFromParameter") else []
            )
        used.update(condition["parameterName"] for condition in conditions(entry))
    return used


def _parameters(item: Document, found: list[Item]) -> Iterator[Complaint]:
    used = _uses(found)
    for entry in found:
        for parameter in parameters(entry):
            name = str(parameter.get("name", ""))
            where = f"{entry.where}/{name}"
            if not GUID.match(str(parameter.get("id", ""))) or not IDENTIFIER.fullmatch(name):
                yield "wb-parameter-id", where
            if not parameter.get("isHiddenWhenLocked") and not parameter.get("label"):
                yield "wb-parameter-label", where
            if not used[name]:
                yield "wb-parameter-used", where
            if (
                parameter.get("type") in (DROPDOWN, TIME)
                and "timeContext" in parameter
                and "timeContextFromParameter" in parameter
            ):
                yield "wb-time-context", f"{where} has two time contexts"


def _defined(found: list[Item]) -> Iterator[Complaint]:
    for entry in found:
        wanted = {condition["parameterName"] for condition in conditions(entry)}
        for holder in (entry.content, *parameters(entry)):
            wanted |= (
                {holder["timeContextFromParameter"]} if holder.get("timeContextFromParameter") else set()
            )
        asked = [text for _, text in texts(entry)]
        asked += [
            str(holder.get("query"))
            for holder in (entry.content, *parameters(entry))
            if holder.get("queryType") == JSON
        ]
        for text in asked:
            wanted |= {match.group(1) for match in USE.finditer(text)}
        for key in ("title", "noDataMessage", "json"):
            wanted |= {match.group(1) for match in USE.finditer(str(entry.content.get(key, "")))}
        for name in sorted(wanted - entry.scope.keys()):
            yield "wb-parameter-defined", f"{entry.where}: {name}"


def _tabs(found: list[Item]) -> Iterator[Complaint]:
    for entry in found:
        if entry.kind != LINKS or entry.content.get("style") != "tabs":
            continue
        links = [link for link in entry.content.get("links") or [] if link.get("linkTarget") == "parameter"]
        for link in links:
            shown = [
                group
                for group in found
                if group.kind == GROUP
                for condition in conditions(group)
                if condition["parameterName"] == link["cellValue"]
                and condition.get("value") == link["subTarget"]
            ]
            if len(shown) != 1:
                yield "wb-tabs", f"the tab {link.get('linkLabel')} shows {len(shown)} groups"
        for name in {str(link["cellValue"]) for link in links}:
            first = [
                str(parameter.get("value"))
                for other in found
                for parameter in parameters(other)
                if parameter.get("name") == name
            ]
            if not first or first[0] not in {link["subTarget"] for link in links}:
                yield "wb-tabs", f"{name} has no default that is a tab"
