"""The files that Sentinel Repositories deploy, one for each piece of content, and the list that puts them in order.

Repositories take a template only when each of its resources is of a type that they know, in the older form of a list:
https://learn.microsoft.com/azure/sentinel/ci-cd-custom-content. Names are those of the deployment by infra/, so that who
uses both has everything once."""

from __future__ import annotations

import json
from typing import Any

from hb_content.documents.sources import by_calls, parser_name, parser_version
from hb_content.packaging import items
from hb_content.packaging.arm import SCHEMA, Expression, in_workspace, resource
from hb_content.packaging.sources import Sources

FOLDER = "sentinel/repositories"
WORKSPACE = "resourceId('Microsoft.OperationalInsights/workspaces', parameters('workspace'))"

#: What holds JSON or Bicep that is no content. A path also stands for all that begins with it.
EXCLUDED = [
    "content",
    "function",
    "host.json",
    "infra",
    "sentinel/analytic-rules",
    "sentinel/connector",
    "sentinel/hunting-queries",
    "sentinel/package",
    "sentinel/parsers",
    "sentinel/solution",
    "sentinel/tables",
    "sentinel/watchlists",
    "sentinel/workbooks",
    "tests",
]


def _file(version: str, made: dict[str, Any], variables: dict[str, Any] | None = None) -> dict[str, Any]:
    workspace = {
        "type": "string",
        "metadata": {"description": "Name of the workspace; Repositories give it."},
    }
    inner = {"variables": variables} if variables else {}
    return {
        "$schema": SCHEMA,
        "contentVersion": f"{version}.0",
        "parameters": {"workspace": workspace},
        **inner,
        "resources": [made],
    }


def _saved(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    return resource(
        "Microsoft.OperationalInsights/workspaces/savedSearches",
        f"[concat(parameters('workspace'),'/','{name}')]",
        properties=properties,
    )


def _workbook(index: int, about: dict[str, Any], file: dict[str, Any]) -> dict[str, Any]:
    # The text of a workbook is too long for an expression, and not for a variable.
    text = {key: value for key, value in file.items() if key != items.PLACES}
    variables = {
        "workspaceId": Expression(f"[{WORKSPACE}]"),
        "workbook": json.dumps(text, separators=(",", ":"), ensure_ascii=False),
    }
    places = f"createObject('{items.PLACES}', createArray(variables('workspaceId')))"
    made = resource(
        "Microsoft.Insights/workbooks",
        f"[guid(variables('workspaceId'), 'humanbound-workbook', '{index}')]",
        location=Expression("[resourceGroup().location]"),
        kind="shared",
        properties={
            "category": "sentinel",
            "displayName": about["title"],
            "serializedData": Expression(f"[string(union(json(variables('workbook')), {places}))]"),
            "sourceId": Expression("[variables('workspaceId')]"),
            "version": "1.0",
        },
    )
    return _file(about["version"], made, variables)


def build(sources: Sources) -> dict[str, dict[str, Any]]:
    """The files by their paths, in the order of their deployment."""
    found = {}
    for name in by_calls(sources.parsers):
        file = sources.parsers[name]
        found[f"{FOLDER}/parsers/{name}.json"] = _file(
            parser_version(file), _saved(parser_name(file), items.parser(file))
        )
    for name, file in sources.hunts.items():
        found[f"{FOLDER}/hunting-queries/{name}.json"] = _file(
            file["version"], _saved(f"humanbound_{name}", items.hunt(file))
        )
    for index, (name, file) in enumerate(sources.workbooks.items()):
        found[f"{FOLDER}/workbooks/{name}.json"] = _workbook(index, sources.solution["workbooks"][name], file)
    for name, file in sources.rules.items():
        place = in_workspace(f"guid({WORKSPACE}, '{file['id']}')")
        made = resource(
            "Microsoft.SecurityInsights/alertRules",
            place,
            nested=True,
            kind=file["kind"],
            properties=items.rule(file),
        )
        found[f"{FOLDER}/analytic-rules/{name}.json"] = _file(file["version"], made)
    return found


def config(files: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """sentinel-deployment.config. Rules are not in the list and so come last: Sentinel runs a rule's query before it takes
    the rule, and a function that is new takes a while to be known."""
    first = [path for path in files if not path.startswith(f"{FOLDER}/analytic-rules/")]
    return {"prioritizedcontentfiles": first, "excludecontentfiles": EXCLUDED}
