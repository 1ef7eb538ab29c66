"""Checks of the files that Sentinel Repositories deploy, by what its script does with them:
https://learn.microsoft.com/azure/sentinel/ci-cd-custom-deploy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from hb_content.packaging.given import CONFIG, REPOSITORIES, SOURCES, Finding, Given, called, resources, walk

TYPES = {
    "analytic-rules": "Microsoft.OperationalInsights/workspaces/providers/alertRules",
    "hunting-queries": "Microsoft.OperationalInsights/workspaces/savedSearches",
    "parsers": "Microsoft.OperationalInsights/workspaces/savedSearches",
    "workbooks": "Microsoft.Insights/workbooks",
}

#: Every check with its reason.
RULES = {
    "repo-complete": "Every file of content has one for Repositories, and nothing else is there.",
    "repo-form": "A template with a list of resources, all of the folder's type; others are passed over in silence.",
    "repo-workspace": "The one parameter is the workspace, which Repositories give, and every resource is named by it.",
    "repo-id": "A resource has no `id`; Azure rejects that of a template.",
    "repo-duration": "Azure takes durations in ISO 8601.",
    "repo-prioritized": "The list names files that exist, a function after those that it calls, and no rule: rules come last.",
    "repo-excluded": "Whatever else is JSON or Bicep is excluded, or Repositories would try to deploy it; our files are not.",
}


def files(given: Given) -> Iterator[Finding]:
    """Each file by itself."""
    for folder in SOURCES.values():
        wanted = {
            Path(path).stem
            for path in given.below(f"sentinel/{folder}/")
            if path.endswith((".yaml", ".json"))
        }
        found = {Path(path).stem for path in given.below(f"{REPOSITORIES}{folder}/", ".json")}
        for name in sorted(wanted ^ found):
            yield "repo-complete", f"{folder}/{name} is in only one of sentinel/ and {REPOSITORIES}"
    for path in given.below(REPOSITORIES):
        template = given.json(path)
        listed, folder = template.get("resources"), path.removeprefix(REPOSITORIES).split("/")[0]
        is_form = (
            template.get("$schema", "").endswith("/2019-04-01/deploymentTemplate.json#")
            and isinstance(listed, list)
            and listed
        )
        if not is_form or {item["type"] for item in listed} != {TYPES.get(folder)}:
            yield "repo-form", path
            continue
        variables = {
            name
            for name in template.get("variables", {})
            if "parameters('workspace')" in str(template["variables"][name])
        }
        by_workspace = all(
            "parameters('workspace')" in item["name"] or variables & called(item["name"], "variables")
            for item in listed
        )
        if (
            list(template.get("parameters", {})) != ["workspace"]
            or template["parameters"]["workspace"]["type"] != "string"
            or not by_workspace
        ):
            yield "repo-workspace", path
        for item in resources(template):
            if "id" in item:
                yield "repo-id", path
        for place, part in walk(template):
            if re.search(
                r"/(queryFrequency|queryPeriod|suppressionDuration|lookbackDuration)$", place
            ) and not re.fullmatch(r"P(\d+D|T\d+[HM])", part):
                yield "repo-duration", f"{path}{place}: {part}"


def order(given: Given) -> Iterator[Finding]:
    """sentinel-deployment.config."""
    config = given.json(CONFIG)
    first, excluded = config.get("prioritizedcontentfiles", []), config.get("excludecontentfiles", [])
    for path in first:
        if path not in given.files or path.startswith(f"{REPOSITORIES}analytic-rules/"):
            yield "repo-prioritized", path
    parsers = {
        item["name"].split("'")[-2]: path
        for path in given.below(f"{REPOSITORIES}parsers/")
        for item in resources(given.json(path))
    }
    for path in parsers.values():
        if path not in first:
            yield "repo-prioritized", f"{path} is not in the list"
            continue
        query = str(given.json(path)["resources"][0]["properties"].get("query"))
        for name, other in parsers.items():
            if (
                other != path
                and other in first
                and re.search(rf"\b{name}\b", query)
                and first.index(other) > first.index(path)
            ):
                yield "repo-prioritized", f"{path} comes before {other}, which it calls"
    for path in given.files:
        is_excluded = any(path.lower().startswith(part.lower()) for part in excluded)
        if path.endswith((".json", ".bicep")) and is_excluded == path.startswith(REPOSITORIES):
            yield "repo-excluded", path
    for part in excluded:
        if not any(path.startswith(part) for path in given.files):
            yield "repo-excluded", f"{part} is not there"


CHECKS = (files, order)
