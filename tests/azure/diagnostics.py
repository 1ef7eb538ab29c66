"""Diagnostic settings: which logs a resource has, and that no two settings send one of them to the same place.
Hand-written from the documentation."""

from __future__ import annotations

from typing import Any

from expressions import TemplateError

# https://learn.microsoft.com/azure/azure-monitor/reference/supported-logs/logs-index
CATEGORIES = {
    "microsoft.securityinsights/settings": {"Analytics", "Automation", "DataConnectors"},
    "microsoft.insights/datacollectionrules": {"LogErrors"},
    "microsoft.storage/storageaccounts/blobservices": {"StorageDelete", "StorageRead", "StorageWrite"},
    "microsoft.keyvault/vaults": {"AuditEvent", "AzurePolicyEvaluationDetails"},
}
SINKS = ("workspaceId", "storageAccountId", "eventHubAuthorizationRuleId")


def refuse_diagnostics(resource: dict[str, Any], others: list[dict[str, Any]]) -> None:
    """What Azure refuses: a log that the resource does not have, and one that another setting sends to the same place.
    https://learn.microsoft.com/azure/azure-monitor/platform/diagnostic-settings"""
    known = CATEGORIES[type_of(resource["id"].rsplit("/providers/", 1)[0])]
    sent = categories(resource["properties"], known)
    for other in others:
        for sink in SINKS:
            place = resource["properties"].get(sink) or ""
            if not place or place.lower() != (other["properties"].get(sink) or "").lower():
                continue
            for category in sorted(sent & categories(other["properties"], known)):
                raise TemplateError(
                    "Conflict",
                    f"Data sink '{place}' is already used in diagnostic setting '{other['id'].rsplit('/', 1)[1]}' "
                    f"for category '{category}'. Data sinks can't be reused in different settings on the same "
                    "category for the same resource.",
                )


def type_of(scope: str) -> str:
    """The type of a resource, in lower case."""
    space, *parts = scope.lower().rsplit("/providers/", 1)[1].split("/")
    return "/".join([space, *parts[::2]])


def categories(properties: dict[str, Any], known: set[str]) -> set[str]:
    """The logs that a setting sends."""
    sent: set[str] = set()
    for log in properties.get("logs", []):
        if not log["enabled"]:
            continue
        if log.get("categoryGroup") == "allLogs":
            sent |= known
        elif log.get("category") in known:
            sent.add(log["category"])
        else:
            raise TemplateError("BadRequest", f"Category '{log.get('category')}' is not supported.")
    return sent
