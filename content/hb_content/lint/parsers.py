"""Rules for parsers, and for what they say of OWASP and MITRE ATLAS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from hb_content.documents.files import Document, Finding, data
from hb_content.documents.frameworks import mapped
from hb_content.lint.code import code
from hb_content.lint.mapping import Complaint
from hb_content.lint.schema import IDENTIFIER, shape

RULES = {
    "parser-spelling": "a parser has the keys of one of the community's two spellings: Function… or Parser…",
    "parser-name": "a parser's file, resource and name in queries are the same",
    "parser-updated": "LastUpdated is a day, like 2026-01-31",
    "parser-parameter": "a parameter has a name and a type of KQL's; those that must be given come first",
    "parser-default": "a default is a constant of the parameter's type",
    "parser-parameter-used": "a parameter that the query does not use promises too much",
    "atlas-id": "an id of MITRE ATLAS is in the pinned list",
    "owasp-id": "an id of OWASP is LLM01 to LLM10 or ASI01 to ASI10",
    "owasp-complete": "HumanboundEvents gives every OWASP category its name, once",
    "owasp-mapping": "HumanboundFrameworks maps each OWASP category as the public mappings do, and no other way",
    "owasp-name": "an OWASP category is called as OWASP calls it, with a technique that belongs to it and a tactic that exists",
}

_TITLE = {"Title": str, "Version": str, "LastUpdated": str}
_PARAMETERS = [{"Name": str, "Type": str, "Default?": object}]
_SHARED = {"id?": str, "Description": str, "References?": [{"Title": str, "Link": str}], "Category?": str}

SOLUTION = _SHARED | {
    "id": str,
    "Function": _TITLE,
    "Category": str,
    "FunctionName": str,
    "FunctionAlias": str,
    "ParserParams?": _PARAMETERS,
    "FunctionParams?": _PARAMETERS,
    "FunctionQuery": str,
}
SOLUTION.pop("id?")
SOLUTION.pop("Category?")

ASIM = _SHARED | {
    "Parser": _TITLE,
    "Product": {"Name": str},
    "Normalization": {"Schema": str, "Version": str},
    "ParserName": str,
    "EquivalentBuiltInParser?": str,
    "ParserParams?": _PARAMETERS,
    "ParserQuery": str,
}

TYPES = ("string", "int", "long", "real", "bool", "datetime", "timespan", "dynamic")

_CONSTANTS = {
    "string": r"^('[^']*'|\"[^\"]*\")$",
    "int": r"^(-?\d+|int\(null\))$",
    "long": r"^(-?\d+|long\(null\))$",
    "real": r"^(-?\d+(\.\d+)?|real\(null\))$",
    "bool": r"^(true|false|bool\(null\))$",
    "datetime": r"^datetime\([^()]*\)$",
    "timespan": r"^(\d+(\.\d+)?(d|h|m|s|ms)|timespan\([^()]*\))$",
    "dynamic": r"^dynamic\(.*\)$",
}


def check(item: Document) -> Iterator[Finding]:
    """Everything about a parser but its KQL."""
    value = item.value if isinstance(item.value, dict) else {}
    is_asim = "ParserQuery" in value or "Parser" in value
    problems = list(shape(ASIM if is_asim else SOLUTION, item.value))
    if is_asim and {"FunctionQuery", "Function", "FunctionName"} & value.keys():
        problems.append(("parser-spelling", "keys of both spellings"))
    if not any(rule in ("missing-key", "value-type") for rule, _ in problems):
        problems += [*_names(item, is_asim), *_parameters(item), *frameworks(item)]
    for rule, message in problems:
        yield Finding(item.path, rule, message)


def _names(item: Document, is_asim: bool) -> Iterator[Complaint]:
    value = item.value
    names = {item.stem, item.function_name, value["ParserName"] if is_asim else value["FunctionName"]}
    if len(names) > 1:
        yield "parser-name", " and ".join(sorted(names))
    updated = (value["Parser"] if is_asim else value["Function"])["LastUpdated"]
    try:
        date.fromisoformat(updated)
    except ValueError:
        yield "parser-updated", updated


def _parameters(item: Document) -> Iterator[Complaint]:
    plain = code(item.query.text) if item.query else ""
    has_default = False
    for parameter in item.parameters:
        name, kind, constant = parameter["name"], parameter["type"], parameter.get("default")
        if not IDENTIFIER.fullmatch(name) or kind not in TYPES or (has_default and constant is None):
            yield "parser-parameter", f"{name}:{kind}"
        has_default = constant is not None
        if kind in TYPES and constant is not None and not re.match(_CONSTANTS[kind], constant, re.S):
            yield "parser-default", f"{name}:{kind}={constant}"
        if not re.search(rf"\b{re.escape(name)}\b", plain):
            yield "parser-parameter-used", name


def frameworks(item: Document) -> Iterator[Complaint]:
    """What a file says of OWASP and ATLAS; for any kind of document."""
    lists = data("frameworks.json")
    categories = lists["owasp"]["categories"]
    known = {technique for entry in categories.values() for technique in entry["atlas"]}
    known |= {technique.rpartition(".")[0] for technique in known if technique.count(".") == 2}
    for technique in sorted(set(re.findall(r"\bAML\.T\d+(?:\.\d+)?", item.text))):
        if technique not in known:
            yield "atlas-id", technique
    for found in sorted(set(re.findall(r"\b(?:LLM|ASI)\d+\b", item.text)) - categories.keys()):
        yield "owasp-id", found
    text = item.query.text if item.query else ""
    if item.kind == "parser" and item.function_name == "HumanboundFrameworks":
        yield from _mappings(text, lists["mappings"])
        return
    named = re.findall(r'"((?:LLM|ASI)\d\d)", *"', text)
    if (
        item.kind == "parser"
        and item.function_name == "HumanboundEvents"
        and sorted(named) != sorted(categories)
    ):
        yield (
            "owasp-complete",
            f"{', '.join(sorted(set(categories) - set(named))) or 'one of them'} is not there once",
        )
    for row in re.finditer(r'"((?:LLM|ASI)\d\d)", *"([^"]*)", *"([^"]*)", *"([^"]*)"', text):
        category, name, technique, tactic = row.groups()
        entry = categories.get(category)
        if entry is None:
            continue
        if name != entry["name"]:
            yield "owasp-name", f"{category} is {entry['name']}, not {name}"
        if not any(
            listed == technique or listed.startswith(f"{technique}.") for listed in entry["atlas"] or [""]
        ):
            yield (
                "owasp-name",
                f"{category} has {', '.join(entry['atlas']) or 'no technique'}, not {technique}",
            )
        if tactic != mapped(category)[0]:
            yield "owasp-mapping", f"{category} has {mapped(category)[0]} elsewhere, not {tactic}"
        if tactic not in lists["attack"]["tactics"]:
            yield "owasp-name", f"{category}: {tactic} is no tactic"


def _mappings(text: str, lists: dict[str, Any]) -> Iterator[Complaint]:
    """Where the parser's rows and the mappings differ."""
    rows = {
        row[0]: row[1:]
        for row in re.findall(r'"((?:LLM|ASI)\d\d)", "(.*?)", "(.*?)", "(.*?)", "(.*?)"', text)
    }
    for category in sorted(lists["categories"].keys() | rows.keys()):
        wanted = mapped(category) if category in lists["categories"] else None
        if rows.get(category) != wanted:
            yield "owasp-mapping", f"{category} is {rows.get(category)}, and the mappings have {wanted}"
