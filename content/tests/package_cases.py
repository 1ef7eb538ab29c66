"""Proves that each check of the package can find something: a change to the files, and the check that must notice.

target/tools/venv/bin/python -B content tests.package_cases
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from typing import Any

from hb_content.documents.files import ROOT
from hb_content.packaging.given import CONFIG, PACKAGE, TEMPLATE, Given
from hb_content.packaging.verify import RULES, verify

Files = dict[str, str]
RULE_FILE = "sentinel/repositories/analytic-rules/CriticalFinding.json"
PARSER_FILE = "sentinel/repositories/parsers/HumanboundEvents.json"
PAGE = "sentinel/connector/DataConnectorDefinition.json"
LOGO = "sentinel/solution/logo.svg"


def edit(path: str, change: Callable[[Any], object]) -> Callable[[Files], None]:
    """Changes a JSON file."""

    def made(files: Files) -> None:
        value = json.loads(files[path])
        change(value)
        files[path] = json.dumps(value)

    return made


def text(path: str, old: str, new: str) -> Callable[[Files], None]:
    """Changes a file's text once; the text must be there."""

    def made(files: Files) -> None:
        assert old in files[path], f"{path} has no {old}"
        files[path] = files[path].replace(old, new, 1)

    return made


def template(kind: str) -> Callable[[Any], Any]:
    """The properties of the first content template of a kind."""
    return lambda value: next(
        item["properties"]
        for item in value["resources"]
        if item["properties"].get("contentKind") == kind and "mainTemplate" in item["properties"]
    )


def inner(kind: str, change: Callable[[Any], object]) -> Callable[[Files], None]:
    """Changes the first resource inside the template of a kind."""
    return edit(TEMPLATE, lambda value: change(template(kind)(value)["mainTemplate"]["resources"][0]))


def package(value: Any) -> Any:
    """The properties of the package."""
    return next(
        item["properties"] for item in value["resources"] if item["type"].endswith("/contentPackages")
    )


def status(value: Any) -> Any:
    """What a page asks to say that it is connected."""
    return value["properties"]["connectorUiConfig"]["connectivityCriteria"][0]


def wizard(change: Callable[[Any], object]) -> Callable[[Files], None]:
    """Changes what the wizard gives."""
    return edit(PACKAGE + "createUiDefinition.json", lambda value: change(value["parameters"]["outputs"]))


def later(path: str) -> Callable[[Any], None]:
    """Moves a file to the end of the list."""

    def made(value: Any) -> None:
        value["prioritizedcontentfiles"].remove(path)
        value["prioritizedcontentfiles"].append(path)

    return made


CASES: list[tuple[str, str, Callable[[Files], object]]] = [
    ("pkg-json", "a comma too many", text(PACKAGE + "SolutionMetadata.json", "{", "{,")),
    (
        "pkg-json",
        "a key that stands twice",
        text(TEMPLATE, '"contentVersion"', '"$schema": "x", "contentVersion"'),
    ),
    ("pkg-ascii", "a dash that is no hyphen", text(TEMPLATE, "\\u2014", "—")),
    (
        "pkg-schema",
        "an old schema",
        text(TEMPLATE, "2019-04-01/deploymentTemplate", "2015-01-01/deploymentTemplate"),
    ),
    (
        "pkg-schema",
        "another schema of the wizard",
        text(PACKAGE + "createUiDefinition.json", "CreateUIDefinition.MultiVm", "Other"),
    ),
    (
        "pkg-blank",
        "null in a rule",
        inner("AnalyticsRule", lambda item: item["properties"].update(customDetails=None)),
    ),
    (
        "pkg-blank",
        "an empty list in a workbook",
        inner("Workbook", lambda item: item["properties"].update(serializedData='{"items": [ ]}')),
    ),
    ("pkg-branding", "the old name", text(PAGE, "AI agents", "Azure Sentinel agents")),
    (
        "pkg-place",
        "a subscription",
        text(TEMPLATE, "AISecurityEvents_CL", "/subscriptions/0d5c7b8e-3f51-4d6b-8a43-7c0f4f0e2a11"),
    ),
    (
        "pkg-place",
        "a page in one language",
        text(PACKAGE + "createUiDefinition.json", "learn.microsoft.com/", "learn.microsoft.com/en-us/"),
    ),
    ("pkg-id", "an id that is no GUID", text("sentinel/hunting-queries/CampaignRoi.yaml", "id: ", "id: x")),
    ("pkg-published-id", "another id", text("sentinel/analytic-rules/Drift.yaml", "id: ", "id: 0")),
    (
        "pkg-published-id",
        "another publisher",
        text("sentinel/solution/solution.yaml", "publisherId: humanbound", "publisherId: other"),
    ),
    (
        "pkg-published-id",
        "a rule that has gone",
        lambda files: files.pop("sentinel/analytic-rules/Drift.yaml"),
    ),
    (
        "pkg-version",
        "a version that was not raised in the package",
        text("sentinel/analytic-rules/Drift.yaml", 'version: "1', 'version: "2'),
    ),
    (
        "pkg-version",
        "a version with two numbers",
        text("sentinel/parsers/HumanboundEvents.yaml", 'Version: "1.0.0"', 'Version: "1.0"'),
    ),
    ("pkg-version", "a release without notes", text("sentinel/solution/ReleaseNotes.md", "3.0.0", "2.9.0")),
    (
        "pkg-version",
        "the day of another release",
        text("sentinel/solution/ReleaseNotes.md", "27-11", "26-11"),
    ),
    (
        "pkg-complete",
        "a hunt that is not in the package",
        text(TEMPLATE, '"contentKind": "HuntingQuery"', '"contentKind": "Other"'),
    ),
    (
        "pkg-dependencies",
        "one that is not listed",
        edit(TEMPLATE, lambda value: package(value)["dependencies"]["criteria"].pop()),
    ),
    (
        "pkg-dependencies",
        "an old version in the list",
        edit(TEMPLATE, lambda value: package(value)["dependencies"]["criteria"][3].update(version="0.9.0")),
    ),
    (
        "pkg-dependencies",
        "a connector that does not exist",
        text(TEMPLATE, '"connectorId": "Humanbound"', '"connectorId": "Other"'),
    ),
    ("pkg-api-version", "an old version", inner("Parser", lambda item: item.update(apiVersion="2020-08-01"))),
    (
        "pkg-api-version",
        "a preview",
        edit(RULE_FILE, lambda value: value["resources"][0].update(apiVersion="2025-10-01-preview")),
    ),
    (
        "pkg-names",
        "a parameter that nothing uses",
        edit(
            TEMPLATE, lambda value: value["parameters"].update(spare={"type": "string", "defaultValue": "x"})
        ),
    ),
    (
        "pkg-names",
        "a variable that is not there",
        edit(TEMPLATE, lambda value: value["variables"].pop("_solutionName")),
    ),
    ("pkg-names", "an output of the wizard for nothing", wizard(lambda outputs: outputs.update(spare="x"))),
    ("pkg-names", "a parameter that nobody gives", wizard(lambda outputs: outputs.pop("workspace"))),
    (
        "pkg-names",
        "a step that is not there",
        wizard(lambda outputs: outputs.update(location="[steps('spare').x]")),
    ),
    (
        "pkg-names",
        "other parameters of the test",
        edit(PACKAGE + "testParameters.json", lambda value: value.pop("workspace")),
    ),
    (
        "pkg-limits",
        "a resource of over 1 MB",
        inner("HuntingQuery", lambda item: item["properties"].update(query="x" * 1_000_001)),
    ),
    (
        "pkg-limits",
        "an expression that is too long",
        inner(
            "HuntingQuery", lambda item: item["properties"].update(query="[concat('" + "x" * 24_577 + "')]")
        ),
    ),
    ("pkg-limits", "a logo of over 5 kB", text(LOGO, "</svg>", " " * 5_120 + "</svg>")),
    ("pkg-logo", "a style", text(LOGO, "<path", "<style/><path")),
    ("pkg-logo", "an id", text(LOGO, "<path", '<path id="a"')),
    ("pkg-logo", "no XML", text(LOGO, "</svg>", "")),
    (
        "pkg-support",
        "nobody to reach",
        edit(PACKAGE + "SolutionMetadata.json", lambda value: value["support"].pop("link")),
    ),
    (
        "pkg-support",
        "a domain of our own",
        edit(PACKAGE + "SolutionMetadata.json", lambda value: value["categories"].update(domains=["AI"])),
    ),
    (
        "pkg-workbook",
        "a key of our own",
        edit(PACKAGE + "WorkbooksMetadata.json", lambda value: value[0].update(spare=1)),
    ),
    ("pkg-workbook", "no entry", lambda files: files.update({PACKAGE + "WorkbooksMetadata.json": "[]"})),
    (
        "pkg-workbook",
        "another template's id",
        text(
            "sentinel/workbooks/HumanboundCisoDashboard.json",
            "sentinel-HumanboundCisoDashboard",
            "sentinel-UserWorkbook",
        ),
    ),
    (
        "pkg-previews",
        "a name that says no colour",
        edit(
            PACKAGE + "WorkbooksMetadata.json",
            lambda value: value[0]["previewImagesFileNames"].append("summary.png"),
        ),
    ),
    (
        "pkg-previews",
        "none of dark",
        edit(
            PACKAGE + "WorkbooksMetadata.json",
            lambda value: value[0].update(previewImagesFileNames=["summaryWhite.png"]),
        ),
    ),
    (
        "pkg-columns",
        "a column that is only in the list",
        text("sentinel/tables/AISecurityEvents_CL.json", '"EventId"', '"Spare"'),
    ),
    ("pkg-connector", "a page of another name", edit(PAGE, lambda value: value.update(name="Other"))),
    (
        "pkg-connector",
        "a status that looks back 3 days",
        edit(
            PAGE,
            lambda value: status(value).update(
                value=["AISecurityEvents_CL\n| where TimeGenerated > ago(3d)"]
            ),
        ),
    ),
    (
        "pkg-connector",
        "a query of another table",
        text(PAGE, '"baseQuery": "AISecurityEvents_CL', '"baseQuery": "Other_CL'),
    ),
    ("repo-complete", "a rule without a file", lambda files: files.pop(RULE_FILE)),
    (
        "repo-complete",
        "a file without a rule",
        lambda files: files.update({RULE_FILE.replace("Critical", "Spare"): files[RULE_FILE]}),
    ),
    (
        "repo-form",
        "symbols for resources",
        edit(RULE_FILE, lambda value: value.update(resources={"rule": value["resources"][0]})),
    ),
    (
        "repo-form",
        "a type that Repositories do not know",
        edit(
            RULE_FILE,
            lambda value: value["resources"][0].update(type="Microsoft.SecurityInsights/alertRules"),
        ),
    ),
    (
        "repo-workspace",
        "another parameter",
        edit(RULE_FILE, lambda value: value["parameters"].update(spare={"type": "string"})),
    ),
    (
        "repo-workspace",
        "a name without the workspace",
        edit(PARSER_FILE, lambda value: value["resources"][0].update(name="x/'HumanboundEvents'")),
    ),
    (
        "repo-id",
        "the id of an exported rule",
        edit(RULE_FILE, lambda value: value["resources"][0].update(id="x")),
    ),
    (
        "repo-duration",
        "a short duration",
        edit(RULE_FILE, lambda value: value["resources"][0]["properties"].update(queryPeriod="47h")),
    ),
    (
        "repo-prioritized",
        "a file that is not there",
        edit(CONFIG, lambda value: value["prioritizedcontentfiles"].append("spare.json")),
    ),
    (
        "repo-prioritized",
        "a rule",
        edit(CONFIG, lambda value: value["prioritizedcontentfiles"].append(RULE_FILE)),
    ),
    ("repo-prioritized", "a function after its callers", edit(CONFIG, later(PARSER_FILE))),
    (
        "repo-prioritized",
        "a function that is not in the list",
        edit(CONFIG, lambda value: value["prioritizedcontentfiles"].remove(PARSER_FILE)),
    ),
    ("repo-excluded", "a template that is tried", lambda files: files.update({"spare.json": "{}"})),
    (
        "repo-excluded",
        "our own files",
        edit(CONFIG, lambda value: value["excludecontentfiles"].append("sentinel/rep")),
    ),
    (
        "repo-excluded",
        "a folder that has gone",
        edit(CONFIG, lambda value: value["excludecontentfiles"].append("spare")),
    ),
]


def main() -> int:
    """The command."""
    files = Given.read(ROOT).files
    before = set(verify(Given(dict(files))))
    problems = [f"the files as they are: [{rule}] {message}" for rule, message in sorted(before)]
    for rule, name, change in CASES:
        changed = dict(files)
        change(changed)
        found = {rule for rule, _ in set(verify(Given(changed))) - before}
        if rule not in found:
            problems.append(f"{rule} does not notice {name}; found: {sorted(found)}")
    problems += [f"{rule} has no case" for rule in RULES.keys() - {rule for rule, _, _ in CASES}]
    print("\n".join(re.sub(r"\s+", " ", problem) for problem in problems))
    print(f"{len(CASES)} cases of {len(RULES)} checks", file=sys.stderr)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
