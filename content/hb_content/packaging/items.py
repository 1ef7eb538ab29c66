"""The properties that each piece of content has in Azure: the same in the package, in the files of Repositories, and, as a check
compares, in the deployment of infra/, which Bicep makes from the same files."""

from __future__ import annotations

import json
from typing import Any

from hb_content.documents.sources import TABLE, Watchlist, parameters, parser_name, parser_query
from hb_content.packaging.arm import Expression, expressions, pruned, resource
from hb_content.packaging.sources import STREAM, Sources

#: What a rule's description begins with, so that Microsoft Defender merges none of its incidents with others.
CORRELATION_TAG = "#DONT_CORR#"
#: How the files spell comparisons, and how Azure does.
OPERATORS = {"eq": "Equal", "gt": "GreaterThan", "lt": "LessThan", "ne": "NotEqual"}

#: The types of the column list are KQL's words; tables and streams each have their own.
TABLE_TYPES = {"bool": "boolean", "datetime": "dateTime"}
STREAM_TYPES = {"bool": "boolean"}

#: The only part of a workbook's file that belongs to a workspace.
PLACES = "fallbackResourceIds"


def iso(duration: str) -> str:
    """`5m` as `PT5M`, `7d` as `P7D`; what is ISO 8601 already stays."""
    if duration.startswith("P"):
        return duration
    return ("P" if duration.endswith("d") else "PT") + duration.upper()


def parser(file: dict[str, Any]) -> dict[str, Any]:
    """The properties of a function."""
    found: dict[str, Any] = pruned(
        {
            "category": file.get("Category", "ASIM"),
            "displayName": (file.get("Function") or file["Parser"])["Title"],
            "functionAlias": file.get("FunctionAlias") or parser_name(file),
            "functionParameters": parameters(file),
            "query": parser_query(file),
            "version": 2,
            "etag": "*",
        }
    )
    return found


def hunt(file: dict[str, Any]) -> dict[str, Any]:
    """The properties of a hunting query."""
    return {
        "category": "Hunting Queries",
        "displayName": file["name"],
        "query": file["query"],
        "version": 2,
        "etag": "*",
        "tags": [
            {"name": "description", "value": file["description"].strip()},
            {"name": "tactics", "value": ",".join(file["tactics"])},
            {"name": "techniques", "value": ",".join(file["relevantTechniques"])},
        ],
    }


def techniques(file: dict[str, Any]) -> list[str]:
    """Without sub-techniques, which this version of the API rejects."""
    return list(dict.fromkeys(name.split(".")[0] for name in file["relevantTechniques"]))


def rule(file: dict[str, Any]) -> dict[str, Any]:
    """The properties of a rule."""
    incidents = file.get("incidentConfiguration")
    if incidents:
        grouping = incidents["groupingConfiguration"]
        grouping = {**grouping, "lookbackDuration": iso(grouping["lookbackDuration"])}
        incidents = {**incidents, "groupingConfiguration": grouping}
    found: dict[str, Any] = pruned(
        {
            "displayName": file["name"],
            "description": f"{CORRELATION_TAG} {file['description'].strip()}",
            "enabled": file.get("enabled", True),
            "severity": file["severity"],
            "query": file["query"],
            "queryFrequency": iso(file["queryFrequency"]),
            "queryPeriod": iso(file["queryPeriod"]),
            "triggerOperator": OPERATORS.get(file["triggerOperator"], file["triggerOperator"]),
            "triggerThreshold": file["triggerThreshold"],
            "suppressionDuration": iso(file.get("suppressionDuration", "5h")),
            "suppressionEnabled": file.get("suppressionEnabled", False),
            "tactics": file["tactics"],
            "techniques": techniques(file),
            "alertDetailsOverride": file.get("alertDetailsOverride"),
            "customDetails": file.get("customDetails"),
            "entityMappings": file.get("entityMappings"),
            "eventGroupingSettings": file.get("eventGroupingSettings"),
            "incidentConfiguration": incidents,
        }
    )
    return found


def rule_template(file: dict[str, Any]) -> dict[str, Any]:
    """The properties of a template from which people make a rule: never on before they say so."""
    connectors = {
        "status": file.get("status", "Available"),
        "requiredDataConnectors": file["requiredDataConnectors"],
    }
    return {**rule(file), **connectors, "enabled": False}


def workbook(file: dict[str, Any]) -> str:
    """A workbook's text as a package holds it: without blanks, also in queries that are JSON themselves."""

    def query(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: _json(item) if key == "query" else query(item) for key, item in part.items()}
        return [query(item) for item in part] if isinstance(part, list) else part

    return json.dumps(pruned(query(file)), separators=(",", ":"), ensure_ascii=False)


def _json(text: str) -> str:
    """A query to Azure Resource Manager is JSON; others stay as they are."""
    return (
        json.dumps(pruned(json.loads(text)), separators=(",", ":")) if text.startswith('{"version"') else text
    )


def watchlist(item: Watchlist) -> dict[str, Any]:
    """The properties of a watchlist with the rows of its file."""
    return {**item.settings, "rawContent": item.rows}


def table(sources: Sources) -> dict[str, Any]:
    """The table, for a workspace that has none. Says nothing of retention, which may have been chosen."""
    columns = [
        {**column, "type": TABLE_TYPES.get(column["type"], column["type"])} for column in sources.columns
    ]
    schema = {"name": TABLE, "columns": columns}
    return resource("Microsoft.OperationalInsights/workspaces/tables", TABLE, properties={"schema": schema})


def rule_of_push(sources: Sources) -> dict[str, Any]:
    """The data collection rule of the push connector: rows are stored as they come, as by the connector."""
    columns = [
        {"name": column["name"], "type": STREAM_TYPES.get(column["type"], column["type"])}
        for column in sources.columns
    ]
    group = "concat('/subscriptions/',parameters('subscription'),'/resourceGroups/',parameters('resourceGroupName')"
    endpoint = f"[{group},'/providers/Microsoft.Insights/dataCollectionEndpoints/',parameters('workspace'))]"
    return resource(
        "Microsoft.Insights/dataCollectionRules",
        "HumanboundPushDCR",
        location=Expression("[parameters('workspace-location')]"),
        properties={
            "dataCollectionEndpointId": Expression(endpoint),
            "streamDeclarations": {STREAM: {"columns": columns}},
            "destinations": {
                "logAnalytics": [
                    {
                        "workspaceResourceId": Expression("[variables('workspaceResourceId')]"),
                        "name": "clv2ws1",
                    }
                ]
            },
            "dataFlows": [
                {
                    "streams": [STREAM],
                    "destinations": ["clv2ws1"],
                    "transformKql": "source",
                    "outputStream": f"Custom-{TABLE}",
                }
            ],
        },
    )


def definition(page: dict[str, Any]) -> dict[str, Any]:
    """The properties of a connector's page."""
    found: dict[str, Any] = expressions(page["properties"])
    return found
