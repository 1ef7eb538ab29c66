"""Templates of Azure Resource Manager: what is an expression and what is text, and how both are written."""

from __future__ import annotations

import json
from typing import Any

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"

#: The newest that each type has. Types that infra/ deploys too have the version that is used there: a check compares.
API_VERSIONS = {
    "Microsoft.Insights/dataCollectionRules": "2024-03-11",
    "Microsoft.Insights/workbooks": "2023-06-01",
    "Microsoft.OperationalInsights/savedSearches": "2026-03-01",
    "Microsoft.OperationalInsights/workspaces/savedSearches": "2026-03-01",
    "Microsoft.OperationalInsights/workspaces/tables": "2026-03-01",
    "Microsoft.SecurityInsights/alertRules": "2025-09-01",
    "Microsoft.SecurityInsights/alertRuleTemplates": "2025-09-01",
    "Microsoft.SecurityInsights/contentPackages": "2025-09-01",
    "Microsoft.SecurityInsights/contentTemplates": "2025-09-01",
    "Microsoft.SecurityInsights/dataConnectorDefinitions": "2025-09-01",
    "Microsoft.SecurityInsights/dataConnectors": "2025-09-01",
    "Microsoft.SecurityInsights/metadata": "2025-09-01",
    "Microsoft.SecurityInsights/watchlists": "2025-09-01",
}

#: Sentinel's resources as children of a workspace: the form of packages, and the only one that Repositories take.
NESTED = "Microsoft.OperationalInsights/workspaces/providers/"


class Expression(str):
    """A text that Azure evaluates: `[…]`, or `[[…]` for one that the template inside this one evaluates."""

    __slots__ = ()


def expressions(value: Any) -> Any:
    """A part of a file that is written as a template: every text in brackets is meant as an expression."""
    if isinstance(value, str):
        return Expression(value) if value.startswith("[") else value
    if isinstance(value, list):
        return [expressions(item) for item in value]
    if isinstance(value, dict):
        return {key: expressions(item) for key, item in value.items()}
    return value


def is_blank(value: Any) -> bool:
    """Null and what is empty."""
    return value is None or value in ("", [], {})


def pruned(value: Any) -> Any:
    """The same without members that are blank, which Microsoft's checks of packages reject; `False` and 0 stay."""
    if isinstance(value, dict):
        found = {key: pruned(item) for key, item in value.items()}
        return {key: item for key, item in found.items() if not is_blank(item)}
    if isinstance(value, list):
        return [item for item in map(pruned, value) if not is_blank(item)]
    return value


def resource(of: str, name: str, /, nested: bool = False, **members: Any) -> dict[str, Any]:
    """A resource of a type; with `nested` one of Sentinel's as a child of the workspace."""
    listed = NESTED + of.removeprefix("Microsoft.SecurityInsights/") if nested else of
    return {"type": listed, "apiVersion": API_VERSIONS[of], "name": expressions(name), **members}


def in_workspace(inner: str) -> str:
    """The name of a nested resource; `inner` is an expression without brackets."""
    return f"[concat(parameters('workspace'),'/Microsoft.SecurityInsights/',{inner})]"


def unmasked(value: Any, path: str = "") -> None:
    """Raises `ValueError` for a text that Azure would take for an expression, which nobody meant as one."""
    if isinstance(value, dict):
        for key, item in value.items():
            unmasked(item, f"{path}/{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            unmasked(item, f"{path}/{index}")
    elif isinstance(value, str) and value.startswith("[") and not isinstance(value, Expression):
        raise ValueError(f"{path}: the text begins with [ and would be an expression: {value[:60]}")


def dump(value: Any) -> str:
    """A file; in ASCII, since not every reader of packages takes more."""
    unmasked(value)
    return plain(value)


def plain(value: Any) -> str:
    """A file that is no template."""
    return json.dumps(value, indent=2) + "\n"
