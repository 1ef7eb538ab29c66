"""Checks of the Content Hub package: what Microsoft's validators and reviewers reject, and what we promise."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree

from hb_content.packaging.given import PACKAGE, SOURCES, TEMPLATE, Finding, Given, called, resources, walk

GUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
DOMAINS = {
    "Application",
    "Cloud Provider",
    "Compliance",
    "DevOps",
    "Identity",
    "Internet of Things (IoT)",
    "IT Operations",
    "Migration",
    "Networking",
    "Platform",
    "Security - Automation (SOAR)",
    "Security - Cloud Security",
    "Security - Information Protection",
    "Security - Insider Threat",
    "Security - Network",
    "Security - Others",
    "Security - Threat Intelligence",
    "Security - Threat Protection",
    "Security - Vulnerability Management",
    "Storage",
    "Training and Tutorials",
    "User Behavior (UEBA)",
}
WORKBOOK_KEYS = {
    "workbookKey",
    "logoFileName",
    "description",
    "dataTypesDependencies",
    "dataConnectorsDependencies",
    "previewImagesFileNames",
    "version",
    "title",
    "templateRelativePath",
    "subtitle",
    "provider",
}

#: Every check with its reason.
RULES = {
    "pkg-json": "Every file of the package is JSON with each key once.",
    "pkg-ascii": "Not every reader of packages takes more than ASCII.",
    "pkg-schema": "Templates and the wizard name their schema.",
    "pkg-blank": "Microsoft's check of templates rejects null, [], {} and empty texts, in a workbook's text too.",
    "pkg-branding": "It is Microsoft Sentinel; Azure Sentinel is its old name.",
    "pkg-place": "Nothing names a subscription or a language of a page.",
    "pkg-id": "Rules and hunts have a GUID of their own, in lower case.",
    "pkg-published-id": "An id by which workspaces know something never changes or disappears.",
    "pkg-version": "A version is that of the file, three numbers; that of the package is the newest of the release notes.",
    "pkg-complete": "Every file of content is in the package, and nothing else.",
    "pkg-dependencies": "The package lists everything in it with its version, and connectors that queries name exist.",
    "pkg-api-version": "Versions of the API are those that infra/ deploys, or the newest stable ones.",
    "pkg-names": "Parameters and variables are declared and used; the wizard gives the template what it asks for.",
    "pkg-limits": "Azure's limits: 4 MB a template, 1 MB a resource, 24,576 characters an expression; 5 kB a logo.",
    "pkg-logo": "A logo is plain SVG: no style, script, picture or id.",
    "pkg-support": "Support has a name and a way to reach it; domains are those that the marketplace knows.",
    "pkg-workbook": "The workbook's entry has the keys of Microsoft's list, and its text a fromTemplateId without blanks.",
    "pkg-previews": "The workbook's pictures are two or more .png, of light and of dark, and their names say White or Black.",
    "pkg-columns": "The table and the stream of the push connector have the columns of the one list.",
    "pkg-connector": "The id of a connector's page is its name, its status looks back 30 days, and its queries read our table.",
}

FILES = [
    "mainTemplate.json",
    "createUiDefinition.json",
    "testParameters.json",
    "SolutionMetadata.json",
    "WorkbooksMetadata.json",
]
PAGES = [
    "sentinel/connector/DataConnectorDefinition.json",
    "sentinel/connector/ccf-push/connectorDefinition.json",
]


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError(f"a key stands twice: {sorted(names)}")
    return dict(pairs)


def texts(given: Given) -> Iterator[Finding]:
    """What each file looks like as a text."""
    paths = (
        [PACKAGE + name for name in FILES]
        + PAGES
        + given.below("sentinel/connector/ccf-push/", ".json")
        + given.below("sentinel/repositories/")
    )
    for path in dict.fromkeys(paths):
        text = given.files.get(path, "")
        try:
            json.loads(text, object_pairs_hook=_once)
        except ValueError as error:
            yield "pkg-json", f"{path}: {error}"
        if path.startswith(PACKAGE) and not text.isascii():
            yield "pkg-ascii", path
        if "Azure Sentinel" in text:
            yield "pkg-branding", path
        if re.search(rf"subscriptions/{GUID}|/[a-z]{{2}}-[a-z]{{2}}/", text):
            yield "pkg-place", path
    if not given.template.get("$schema", "").endswith("/2019-04-01/deploymentTemplate.json#"):
        yield "pkg-schema", TEMPLATE
    if "CreateUIDefinition.MultiVm.json" not in given.json(PACKAGE + "createUiDefinition.json").get(
        "$schema", ""
    ):
        yield "pkg-schema", "createUiDefinition.json"
    for path, part in walk(given.template):
        if part is None or part in ("", [], {}):
            yield "pkg-blank", f"{TEMPLATE}{path}"
        if path.endswith("/serializedData") and re.search(r":\s*(null|\[\s*\]|\{\s*\})", part):
            yield "pkg-blank", f"{TEMPLATE}{path}"


def content(given: Given) -> Iterator[Finding]:
    """Ids, versions, and that everything is there."""
    seen: set[str] = set()
    known = given.json("sentinel/solution/ids.json")
    for kind in SOURCES:
        wanted = {identifier: (path, version) for path, (identifier, version) in given.source(kind).items()}
        found = {
            item["contentId"]: item["version"] for item in given.templates() if item["contentKind"] == kind
        }
        for identifier in sorted(wanted.keys() ^ found.keys()):
            yield "pkg-complete", f"{kind} {identifier} is in only one of sentinel/ and the package"
        for identifier, (path, version) in wanted.items():
            if kind in ("AnalyticsRule", "HuntingQuery") and not re.fullmatch(GUID, identifier):
                yield "pkg-id", f"{path}: {identifier}"
            if identifier in seen:
                yield "pkg-id", f"{path}: {identifier} is somebody else's"
            seen.add(identifier)
            if not re.fullmatch(r"\d+\.\d+\.\d+", version) or found.get(identifier, version) != version:
                yield "pkg-version", f"{path}: {version} in the file, {found.get(identifier)} in the package"
            published = known.get(f"{SOURCES[kind]}/{Path(path).stem}")
            if published != identifier.removesuffix("-Parser"):
                yield "pkg-published-id", f"{path}: {identifier} is known as {published}"
    paths = {f"{SOURCES[kind]}/{Path(path).stem}" for kind in SOURCES for path in given.source(kind)}
    for name in known:
        if "/" in name and not name.startswith("connector/") and name not in paths:
            yield "pkg-published-id", f"{name} has gone"
    solution = given.solution
    if known.get("solution") != f"{solution['publisherId']}.{solution['offerId']}":
        yield "pkg-published-id", f"the solution is known as {known.get('solution')}"


def dependencies(given: Given) -> Iterator[Finding]:
    """What the package says of itself and of what is in it."""
    variables = given.template.get("variables", {})
    package, version = given.package(), given.solution["version"]
    listed = {
        (item["kind"], item["contentId"]): item.get("version")
        for item in package.get("dependencies", {}).get("criteria", [])
    }
    wanted = {
        (item["contentKind"], item["contentId"]): item["version"]
        for item in given.templates()
        if item["contentKind"] != "ResourcesDataConnector"
    }
    for item in given.template.get("resources", []):
        if item["type"].endswith("/watchlists"):
            wanted["Watchlist", item["name"].split("'")[-2]] = version
    for key in sorted(wanted.keys() | listed.keys()):
        if wanted.get(key) != listed.get(key):
            yield "pkg-dependencies", f"{key}: {listed.get(key)} is listed, {wanted.get(key)} is there"
    connectors = {identifier for kind, identifier in wanted if kind == "DataConnector"}
    for _, part in walk(given.template):
        if isinstance(part, dict) and "connectorId" in part and part["connectorId"] not in connectors:
            yield "pkg-dependencies", f"the connector {part['connectorId']} does not exist"
    rows = re.findall(
        r"^\|\s*(\d+\.\d+\.\d+)\s*\|\s*(\d\d-\d\d-\d{4})\s*\|",
        given.files["sentinel/solution/ReleaseNotes.md"],
        re.M,
    )
    versions = [tuple(map(int, row[0].split("."))) for row in rows]
    date = datetime.strptime(given.solution["lastPublishDate"], "%Y-%m-%d").strftime("%d-%m-%Y")
    if not rows or rows[0] != (version, date) or versions != sorted(set(versions), reverse=True):
        yield "pkg-version", f"the release notes begin with {rows[:1]}, not with {version} of {date}"
    if (
        variables.get("_solutionVersion") != version
        or package.get("version") != "[variables('_solutionVersion')]"
    ):
        yield "pkg-version", "the package has another version than solution.yaml"


def api_versions(given: Given) -> Iterator[Finding]:
    """The versions of the API."""
    deployed: dict[str, str] = {}
    for item in resources(given.json("infra/main.json")):
        deployed.setdefault(item["type"].split("/providers/")[-1].lower(), item["apiVersion"])
    for item in [
        *resources(given.template),
        *(
            part
            for path in given.below("sentinel/repositories/", ".json")
            for part in resources(given.json(path))
        ),
    ]:
        kind = item["type"].replace(
            "Microsoft.OperationalInsights/workspaces/providers/", "Microsoft.SecurityInsights/"
        )
        wanted = deployed.get(
            kind.lower(), "2025-09-01" if kind.startswith("Microsoft.SecurityInsights/") else ""
        )
        if kind.startswith("Microsoft.OperationalInsights/savedSearches"):
            wanted = deployed["microsoft.operationalinsights/workspaces/savedsearches"]
        if item["apiVersion"] != wanted:
            yield "pkg-api-version", f"{kind} has {item['apiVersion']}, not {wanted}"


def names(given: Given) -> Iterator[Finding]:
    """Parameters, variables and what the wizard gives."""
    template = given.template
    for members in ("parameters", "variables"):
        declared, used = set(template.get(members, {})), called(template, members)
        for name in sorted(declared ^ used):
            yield "pkg-names", f"{members}: {name} is not {'used' if name in declared else 'declared'}"
    outputs = given.json(PACKAGE + "createUiDefinition.json").get("parameters", {}).get("outputs", {})
    declared = template.get("parameters", {})
    for name in sorted(set(outputs) - set(declared)):
        yield "pkg-names", f"the wizard gives {name}, which the template does not take"
    for name, rule in declared.items():
        if "defaultValue" not in rule and name not in outputs:
            yield "pkg-names", f"nobody gives {name}"
    steps = {
        step["name"]
        for step in given.json(PACKAGE + "createUiDefinition.json").get("parameters", {}).get("steps", [])
    }
    for text in outputs.values():
        for step in re.findall(r"steps\('([^']+)'\)", text):
            if step not in steps:
                yield "pkg-names", f"the wizard has no step {step}"
    if given.json(PACKAGE + "testParameters.json").keys() != declared.keys():
        yield "pkg-names", "testParameters.json has other parameters than the template"


def limits(given: Given) -> Iterator[Finding]:
    """What Azure takes at most."""
    text = given.files[TEMPLATE]
    if (
        len(text) > 4_000_000
        or len(given.template.get("parameters", {})) > 256
        or len(given.template.get("resources", [])) > 800
    ):
        yield "pkg-limits", f"{TEMPLATE}: {len(text)} bytes"
    for item in given.template.get("resources", []):
        if len(json.dumps(item)) > 1_000_000:
            yield "pkg-limits", f"a resource is over 1 MB: {item['name']}"
    for path in [TEMPLATE, *given.below("sentinel/repositories/", ".json")]:
        for place, part in walk(given.json(path)):
            if isinstance(part, str) and part.startswith("[") and len(part) > 24_576:
                yield "pkg-limits", f"{path}{place}: an expression of {len(part)} characters"
    logo = given.files["sentinel/solution/logo.svg"]
    if len(logo.encode()) > 5_120:
        yield "pkg-limits", f"the logo has {len(logo.encode())} bytes"
    try:
        parts = list(ElementTree.fromstring(logo).iter())
    except ElementTree.ParseError as error:
        yield "pkg-logo", str(error)
        return
    for part in parts:
        tag = part.tag.rsplit("}", 1)[-1]
        if tag not in ("svg", "g", "path", "circle", "rect") or {"style", "id", "class", "href"} & {
            name.rsplit("}", 1)[-1] for name in part.attrib
        }:
            yield "pkg-logo", f"{tag} {sorted(part.attrib)}"


def about(given: Given) -> Iterator[Finding]:
    """SolutionMetadata.json and the workbook's entry."""
    metadata = given.json(PACKAGE + "SolutionMetadata.json")
    support = metadata.get("support", {})
    reach = re.fullmatch(r"https://\S+", support.get("link", "")) or re.fullmatch(
        r"[^@\s]+@[^@\s]+\.\w+", support.get("email", "")
    )
    if (
        not support.get("name")
        or not reach
        or support.get("tier") not in ("Microsoft", "Partner", "Community")
    ):
        yield "pkg-support", f"support is {support}"
    for domain in metadata.get("categories", {}).get("domains", ["none"]):
        if domain not in DOMAINS:
            yield "pkg-support", f"the marketplace has no domain {domain}"
    entries = given.json(PACKAGE + "WorkbooksMetadata.json") or []
    if {entry.get("workbookKey") for entry in entries} != {
        Path(path).stem for path in given.source("Workbook")
    }:
        yield "pkg-workbook", "WorkbooksMetadata.json has other workbooks than sentinel/workbooks"
    for entry in entries:
        if set(entry) != WORKBOOK_KEYS or entry["templateRelativePath"] != f"{entry['workbookKey']}.json":
            yield "pkg-workbook", f"{entry.get('workbookKey')}: {sorted(set(entry) ^ WORKBOOK_KEYS)}"
        # https://github.com/Azure/Azure-Sentinel/blob/master/.script/workbooksMetadataValidation
        named = [
            re.fullmatch(r"\w+(White|Black)\w*\.png", name)
            for name in entry.get("previewImagesFileNames", [])
        ]
        if None in named or {name[1] for name in named if name} != {"White", "Black"}:
            yield "pkg-previews", f"{entry.get('workbookKey')}: {entry.get('previewImagesFileNames')}"
    for path, (key, _) in given.source("Workbook").items():
        if given.json(path).get("fromTemplateId") != f"sentinel-{key}":
            yield "pkg-workbook", f"{path}: fromTemplateId is {given.json(path).get('fromTemplateId')}"


def connectors(given: Given) -> Iterator[Finding]:
    """The pages, and the table and stream of the push connector."""
    columns = {item["name"]: item["type"] for item in given.json("sentinel/tables/AISecurityEvents_CL.json")}
    names_of = {"boolean": "bool", "dateTime": "datetime"}
    for item in resources(given.template):
        lists = []
        if item["type"].endswith("/tables"):
            lists = [item["properties"]["schema"]["columns"]]
        if item["type"].endswith("/dataCollectionRules"):
            lists = [stream["columns"] for stream in item["properties"]["streamDeclarations"].values()]
        for listed in lists:
            if {column["name"]: names_of.get(column["type"], column["type"]) for column in listed} != columns:
                yield "pkg-columns", item["name"]
    for path in PAGES:
        page = given.json(path)
        config = page.get("properties", {}).get("connectorUiConfig", {})
        if config.get("id") != page.get("name"):
            yield "pkg-connector", f"{path}: {config.get('id')} is called {page.get('name')}"
        asked = [query for item in config.get("connectivityCriteria", []) for query in item.get("value", [])]
        if not asked or any("ago(30d)" not in query or "IsConnected" not in query for query in asked):
            yield "pkg-connector", f"{path}: the status asks {asked}"
        for place, text in walk(config):
            if re.search(r"/(baseQuery|lastDataReceivedQuery|value/\d+)$", place) and not text.startswith(
                "AISecurityEvents_CL\n"
            ):
                yield "pkg-connector", f"{path}{place}"


CHECKS = (texts, content, dependencies, api_versions, names, limits, about, connectors)
