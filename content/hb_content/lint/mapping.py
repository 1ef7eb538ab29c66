"""Rules that rules and hunts share: names and descriptions, ATT&CK, entities, and columns that the result must have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from hb_content.documents.files import Content, Document, data

RULES = {
    "name-length": "a name has at most 50 characters, as the query style guide wants (the service takes 256)",
    "name-style": "a name is in sentence case, without a full stop, and without the words that the query style guide avoids",
    "description-length": "a description has at most 5,000 characters",
    "description-start": "a description begins with `Identifies` or `This query searches for`",
    "description-sentences": "a description has at most 5 sentences",
    "connector": "requiredDataConnectors names our connector and tables that exist",
    "tactic": "a tactic is one of ATT&CK's that Microsoft Sentinel knows, without blanks, and named once",
    "technique-known": "a technique is in the pinned list, which Microsoft Sentinel's own check knows too; ATLAS ids belong into custom details",
    "technique-tactic-any": "one stored version of the community's check wants any tactic of a technique listed",
    "technique-tactic-all": "the other stored version wants all tactics of a technique listed",
    "technique-doubtful": "some techniques once kept entities from being filled in",
    "technique-missing": "a rule or hunt says which techniques it is about",
    "entity-count": "there are 1 to 5 entity mappings (an older check's limit), each with 1 to 3 fields",
    "entity-type": "the type of an entity is one that Microsoft Sentinel knows",
    "entity-identifier": "an identifier is one that its type has, named once",
    "entity-required": "a mapping has an identifier that is enough to know the entity by",
    "entity-application": "an agent is a CloudApplication; Account is for people",
    "column-missing": "a column that is named outside the query is in its result",
    "column-type": "a column that becomes text of an alert or entity is a text (times and numbers are, in custom details and placeholders)",
}

#: What a custom detail and a placeholder can show.
SHOWN = {"string", "datetime", "int", "long", "real", "bool"}

SHARED_SCHEMA = {
    "id": str,
    "name": str,
    "version": str,
    "description": str,
    "requiredDataConnectors": [{"connectorId": str, "dataTypes": [str]}],
    "tactics": [str],
    "relevantTechniques": [str],
    "query": str,
    "entityMappings?": [{"entityType": str, "fieldMappings": [{"identifier": str, "columnName": str}]}],
    "status?": str,
    "tags?": [str],
}

Complaint = tuple[str, str]


def texts(item: Document, content: Content) -> Iterator[Complaint]:
    """Name, description and data connectors."""
    name, description = item.value["name"], item.value["description"].strip()
    if len(name) > 50:
        yield "name-length", f"the name has {len(name)} characters"
    # Words of two and more capitals are abbreviations; products and frameworks keep their own.
    kept = {"Humanbound", "Microsoft", "Sentinel"}
    words = name.split()
    odd = [word for word in words[1:] if re.match(r"^[A-Z][a-z]+$", word) and word not in kept]
    avoided = re.findall(r"(?i)\b(suspicious|execute[sd]?)\b|\b(IP)\b", name)
    if name.endswith(".") or name != name.strip() or not name[:1].isupper() or odd or avoided:
        yield "name-style", f"{name!r}"
    if not 1 <= len(description) <= 5000:
        yield "description-length", f"the description has {len(description)} characters"
    if not re.match(r"(Identifies|This query searches for)\b", description):
        yield "description-start", f"it begins with {description[:30]!r}"
    sentences = len(re.findall(r"[.!?](?=\s|$)", description))
    if sentences > 5:
        yield "description-sentences", f"it has {sentences}"
    tables = {"AISecurityEvents_CL", *data("azure_tables.json")}
    connectors = item.value["requiredDataConnectors"]
    for connector in connectors:
        for table in connector["dataTypes"]:
            if table not in tables:
                yield "connector", f"{table} is no table that we know"
    if "Humanbound" not in {connector["connectorId"] for connector in connectors}:
        yield "connector", "the connector Humanbound is not named"


def attack(item: Document) -> Iterator[Complaint]:
    """Tactics and techniques."""
    frameworks = data("frameworks.json")["attack"]
    tactics, techniques = item.value["tactics"], item.value["relevantTechniques"]
    for tactic in sorted(
        {tactic for tactic in tactics if tactic not in frameworks["tactics"] or tactics.count(tactic) > 1}
    ):
        yield "tactic", f"{tactic} is not known, or stands there twice"
    if not tactics or not techniques:
        yield "technique-missing", "tactics and relevantTechniques have an entry each"
    for technique in techniques:
        if technique in frameworks["doubtful"]:
            yield "technique-doubtful", f"{technique} {frameworks['doubtful'][technique]}"
        known = frameworks["techniques"].get(technique.partition(".")[0])
        if known is None or not re.match(r"^T\d{4}(\.\d{3})?$", technique):
            yield "technique-known", f"{technique} is not in data/frameworks.json"
            continue
        if not set(known) & set(tactics):
            yield "technique-tactic-any", f"{technique} belongs to {', '.join(known)}"
        if not set(known) <= set(tactics):
            yield "technique-tactic-all", f"{technique} wants all of {', '.join(known)}"


def entities(item: Document) -> Iterator[Complaint]:
    """Entity mappings, as far as no column is concerned."""
    types = data("entities.json")["types"]
    mappings = item.value.get("entityMappings") or []
    if not 1 <= len(mappings) <= 5:
        yield "entity-count", f"there are {len(mappings)} mappings"
    if mappings and "CloudApplication" not in {mapping["entityType"] for mapping in mappings}:
        yield "entity-application", "no CloudApplication is mapped"
    for mapping in mappings:
        kind, fields = mapping["entityType"], mapping["fieldMappings"]
        identifiers = [entry["identifier"] for entry in fields]
        if not 1 <= len(fields) <= 3:
            yield "entity-count", f"{kind} has {len(fields)} fields"
        if kind not in types:
            yield "entity-type", f"{kind} is not in data/entities.json"
            continue
        required = types[kind]["required"]
        allowed = {name for group in required for name in group} | set(types[kind]["optional"])
        for name in identifiers:
            if name not in allowed or identifiers.count(name) > 1:
                yield "entity-identifier", f"{kind} has no {name}, or it stands there twice"
        if not any(set(group) <= set(identifiers) for group in required):
            yield "entity-required", f"{kind} needs one of {', '.join('+'.join(group) for group in required)}"


def column(result: dict[str, Any], name: str, allowed: set[str], what: str) -> Iterator[Complaint]:
    """That the result has a column of an allowed type."""
    kinds = {entry["name"]: entry["type"] for entry in result["columns"] or []}
    if name not in kinds:
        yield "column-missing", f"{what} wants {name}, which the result has not"
    elif kinds[name] not in allowed:
        yield (
            "column-type",
            f"{what} wants {name} to be {' or '.join(sorted(allowed))}, and it is {kinds[name]}",
        )


def entity_columns(item: Document, result: dict[str, Any]) -> Iterator[Complaint]:
    """The columns of entity mappings."""
    for mapping in item.value.get("entityMappings") or []:
        for entry in mapping["fieldMappings"]:
            yield from column(
                result, entry["columnName"], {"string"}, f"{mapping['entityType']}.{entry['identifier']}"
            )
