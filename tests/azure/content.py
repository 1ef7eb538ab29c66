"""What Azure looks into when content is deployed: names in queries, schedules, functions' parameters, watchlists' rows.
Hand-written from the documentation; not a KQL engine."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

from expressions import TemplateError

# Comments and texts, which hold no names: `//…`, `@"…"`, `"…"` and the same with the other quote.
SILENT = re.compile(r"""//[^\n]*|@"(?:""|[^"])*"|@'(?:''|[^'])*'|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""")
LITERALS = {
    "bool": r"true|false|bool\(null\)",
    "datetime": r"datetime\([^()]*\)",
    "dynamic": r"dynamic\((?:[^()]|\([^()]*\))*\)",
    "guid": r"guid\([^()]*\)",
    "int": r"-?\d+|int\(null\)",
    "long": r"-?\d+|long\(null\)",
    "real": r"-?\d+(?:\.\d+)?|real\([^()]*\)",
    "string": r"'[^']*'|\"[^\"]*\"",
    "timespan": r"\d+(?:\.\d+)?(?:d|h|m|s|ms)|(?:time|timespan)\([^()]*\)",
}
PARAMETER = "|".join(
    rf"\s*\w+\s*:\s*{kind}\s*(?:=\s*(?:{literal})\s*)?" for kind, literal in LITERALS.items()
)
MINUTES = {"D": 1440, "H": 60, "M": 1}
DAY = 1440


def refuse_unknown_names(query: str, functions: Any, tables: Any) -> None:
    """Looks at a rule's query as Azure does when it runs it: every function, those that functions call, every table."""
    resolve(query, {name.lower(): properties for name, properties in functions.items()}, tables, ())


def resolve(query: str, functions: Any, tables: Any, callers: tuple[str, ...]) -> None:
    text = SILENT.sub(" ", query)
    own = set(re.findall(r"\blet\s+(\w+)\s*=", text))
    # A function is called, or only named when all of its parameters have defaults. Azure's own are not ours to know.
    called = set(re.findall(r"\b(\w*Humanbound\w*)\s*\(", text))
    named = {name for name in re.findall(r"\b\w+\b(?!\s*=[^=~])", text) if name.lower() in functions}
    for name in sorted((called | named) - own):
        if name.lower() not in functions:
            raise TemplateError(
                "BadRequest",
                f"Failed to run the analytics rule query. Failed to resolve table or column expression named '{name}'",
            )
        if name in callers:
            raise TemplateError(
                "BadRequest", f"Failed to run the analytics rule query. The function '{name}' calls itself"
            )
        resolve(functions[name.lower()]["query"], functions, tables, (*callers, name))
    for name in re.findall(r"\b\w+_CL\b", text):
        if name not in tables:
            raise TemplateError(
                "BadRequest", "Failed to run the analytics rule query. One of the tables does not exist."
            )


def refuse_function(properties: dict[str, Any], exists: bool) -> None:
    """What Azure refuses in a saved search; what is in its query it does not look at."""
    if exists and properties.get("etag") != "*":
        raise TemplateError("BadRequest", "The saved search exists; its etag must be given, or *")
    parameters = properties.get("functionParameters") or ""
    if parameters and not re.fullmatch(rf"(?:{PARAMETER})(?:,(?:{PARAMETER}))*", parameters):
        raise TemplateError("BadRequest", f"The function's parameters cannot be read: {parameters}")
    defaults = [bool(re.search(r":\s*\w+\s*=", one)) for one in re.split(r",(?=\s*\w+\s*:)", parameters)]
    if sorted(defaults) != defaults:
        raise TemplateError(
            "BadRequest", f"A parameter without a default follows one that has one: {parameters}"
        )


def refuse_rule(properties: dict[str, Any]) -> None:
    """https://learn.microsoft.com/azure/sentinel/sentinel-service-limits and scheduled-rules-overview."""
    minutes = {}
    for member in ("queryFrequency", "queryPeriod", "suppressionDuration"):
        found = re.fullmatch(r"P(?:(\d+)(D)|T(\d+)([HM]))", properties[member])
        if not found:
            raise TemplateError(
                "BadRequest", f"{member} is {properties[member]}, which is no ISO 8601 duration"
            )
        minutes[member] = int(found[1] or found[3]) * MINUTES[found[2] or found[4]]
    often, back = minutes["queryFrequency"], minutes["queryPeriod"]
    if not 5 <= often <= back <= 14 * DAY or (back >= 2 * DAY and often < 60):
        raise TemplateError("BadRequest", f"a rule cannot run every {often} minutes over {back} minutes")
    if not 1 <= len(properties["query"]) <= 10_000:
        raise TemplateError("BadRequest", "a query has 1 to 10,000 characters")
    if len(properties.get("entityMappings") or []) > 10 or len(properties.get("customDetails") or {}) > 20:
        raise TemplateError("BadRequest", "a rule has at most 10 entity mappings and 20 custom details")
    for technique in properties["techniques"]:
        if not re.fullmatch(r"T\d{4}", technique):
            raise TemplateError(
                "BadRequest", f"The technique '{technique}' is invalid. The expected format is 'T####'"
            )


def refuse_page(resource: dict[str, Any]) -> None:
    """https://learn.microsoft.com/rest/api/securityinsights/data-connector-definitions/create-or-update"""
    name, page = resource["id"].rsplit("/", 1)[1], resource["properties"].get("connectorUiConfig", {})
    if resource.get("kind") != "Customizable" or not re.fullmatch(r"[A-Za-z0-9-_]+", name):
        raise TemplateError(
            "BadRequest", f"the definition {name} of kind {resource.get('kind')} cannot be created"
        )
    for member in (
        "title",
        "publisher",
        "descriptionMarkdown",
        "graphQueries",
        "dataTypes",
        "connectivityCriteria",
        "permissions",
        "instructionSteps",
    ):
        if not page.get(member):
            raise TemplateError("BadRequest", f"connectorUiConfig.{member} is missing")


def watchlist_rows(properties: dict[str, Any]) -> list[dict[str, str]]:
    """The rows of a watchlist's content, each as what its columns hold."""
    if properties.get("sourceType", "Local") not in ("Local", "AzureStorage"):
        raise TemplateError(
            "400",
            f"There is an issue with deserializing : Error converting '{properties['sourceType']}' for path 'properties.sourceType'.",
        )
    try:
        rows = list(csv.DictReader(io.StringIO(properties.get("rawContent", ""), newline=""), strict=True))
    except csv.Error as problem:
        raise TemplateError("400", f"Invalid csv content : {problem}") from problem
    key = properties["itemsSearchKey"]
    if not rows:
        raise TemplateError(
            "400", "Invalid csv content : no watchlist items found in the provided rawContent"
        )
    for row in rows:
        if None in row or None in row.values() or not row.get(key):
            raise TemplateError(
                "400",
                f"Invalid csv content : every row needs the columns of the header, and a value of {key}",
            )
    return rows
