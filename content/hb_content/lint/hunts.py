"""Rules for hunting queries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from hb_content.documents.files import Content, Document, Finding, data
from hb_content.lint import mapping
from hb_content.lint.code import code
from hb_content.lint.mapping import SHARED_SCHEMA, Complaint, column
from hb_content.lint.schema import shape

RULES = {
    "hunt-parameters": "a hunt begins with `let lookback = 90d;` and `let projectFilter = '*';`, and uses both",
    "hunt-entity-columns": "the result has CloudApplication_0_Name: the portal takes entities from columns named TYPE_N_IDENTIFIER",
    "hunt-entity-name": "a column named TYPE_N_IDENTIFIER is an entity that exists, and a text",
    "hunt-entity-mapped": "entityMappings name those columns and no others",
}

SCHEMA = SHARED_SCHEMA

ENTITY_COLUMN = re.compile(r"^([A-Za-z]+)_(\d+)_([A-Za-z]+)$")


def check(item: Document, result: dict[str, Any] | None, content: Content) -> Iterator[Finding]:
    """Everything about a hunt but its KQL; without `result` nothing about columns."""
    problems = list(shape(SCHEMA, item.value))
    if not any(rule in ("missing-key", "value-type") for rule, _ in problems):
        parts = [mapping.texts(item, content), mapping.attack(item), mapping.entities(item)]
        parts.append(_parameters(item))
        if result is not None:
            parts += [mapping.entity_columns(item, result), _entities(item, result)]
        problems += [problem for part in parts for problem in part]
    for rule, message in problems:
        yield Finding(item.path, rule, message)


def _parameters(item: Document) -> Iterator[Complaint]:
    query = item.value["query"]
    plain = code(query)
    lines = [line for line in query.split("\n") if line.strip() and not line.startswith("//")]
    for line, wanted in zip(
        [*lines, "", ""], ("let lookback = 90d;", "let projectFilter = '*';"), strict=False
    ):
        name = wanted.split()[1]
        if line.partition("//")[0].rstrip() != wanted:
            yield "hunt-parameters", f"a line `{wanted}` is missing at the top"
        elif len(re.findall(rf"\b{name}\b", plain)) < 2:
            yield "hunt-parameters", f"{name} is not used"


def _entities(item: Document, result: dict[str, Any]) -> Iterator[Complaint]:
    types = data("entities.json")["types"]
    names = [entry["name"] for entry in result["columns"] or []]
    if "CloudApplication_0_Name" not in names:
        yield "hunt-entity-columns", "CloudApplication_0_Name is missing"
    found = {name for name in names if ENTITY_COLUMN.match(name)}
    for name in sorted(found):
        kind, _, identifier = name.split("_")
        known = types.get(kind, {"required": [], "optional": []})
        if identifier not in {entry for group in known["required"] for entry in group} | set(
            known["optional"]
        ):
            yield "hunt-entity-name", f"there is no {kind} with {identifier}"
        for _, message in column(result, name, {"string"}, "an entity"):
            yield "hunt-entity-name", message
    mapped = {
        entry["columnName"]: (mapping["entityType"], entry["identifier"])
        for mapping in item.value.get("entityMappings") or []
        for entry in mapping["fieldMappings"]
    }
    for name, (kind, identifier) in sorted(mapped.items()):
        if not re.match(rf"^{re.escape(kind)}_\d+_{re.escape(identifier)}$", name):
            yield "hunt-entity-mapped", f"{kind}.{identifier} is in {name}"
    for name in sorted(set(mapped) ^ found):
        yield "hunt-entity-mapped", f"{name} is mapped or in the result, and not both"
