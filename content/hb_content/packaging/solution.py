"""The files beside the template: the wizard, and what Microsoft's repository wants to know of a solution."""

from __future__ import annotations

from typing import Any

from hb_content.documents.sources import TABLE
from hb_content.packaging.arm import Expression
from hb_content.packaging.sources import Sources

UI_SCHEMA = "https://schema.management.azure.com/schemas/0.1.2-preview/CreateUIDefinition.MultiVm.json#"
LEARN = "https://learn.microsoft.com/azure/sentinel/"


def counts(sources: Sources) -> dict[str, int]:
    """How much of each kind there is, in the order in which packages say it."""
    found = {
        "Data Connectors": 2,
        "Parsers": len(sources.parsers),
        "Workbooks": len(sources.workbooks),
        "Analytic Rules": len(sources.rules),
        "Hunting Queries": len(sources.hunts),
        "Watchlists": len(sources.watchlists),
    }
    return {kind: count for kind, count in found.items() if count}


def description(sources: Sources) -> str:
    """What the package says of itself."""
    listed = ", ".join(f"{kind}: {count}" for kind, count in counts(sources).items())
    return f"{sources.solution['description'].strip()}\n\n{listed}."


def _text(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "type": "Microsoft.Common.TextBlock", "visible": True, "options": {"text": text}}


def _link(name: str, page: str) -> dict[str, Any]:
    options = {"link": {"label": "Learn more", "uri": LEARN + page}}
    return {"name": name, "type": "Microsoft.Common.TextBlock", "visible": True, "options": options}


def _section(name: str, label: str, text: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "Microsoft.Common.Section",
        "label": label,
        "elements": [_text(f"{name}-text", text)],
    }


def _step(name: str, label: str, elements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"name": name, "label": label, "bladeTitle": label, "elements": elements}


def _about(text: str) -> str:
    """The first sentence or line of a description."""
    return text.strip().split("\n")[0]


def _steps(sources: Sources) -> list[dict[str, Any]]:
    pages = [sources.page, sources.push_page]
    found = [
        _step(
            "dataconnectors",
            "Data Connectors",
            [
                _text(
                    "dataconnectors-text",
                    f"This solution installs the data connectors below and {len(sources.parsers)} functions that all other content calls. After installing it, open the page of a connector and follow the steps there.",
                ),
                _link("dataconnectors-link", "connect-data-sources"),
                *(
                    _section(
                        f"dataconnector{index}",
                        page["properties"]["connectorUiConfig"]["title"],
                        _about(page["properties"]["connectorUiConfig"]["descriptionMarkdown"]),
                    )
                    for index, page in enumerate(pages, 1)
                ),
            ],
        )
    ]
    if sources.workbooks:
        listed = [sources.solution["workbooks"][key] for key in sources.workbooks]
        found.append(
            _step(
                "workbooks",
                "Workbooks",
                [
                    _text(
                        "workbooks-text",
                        "This solution installs a workbook. After installing it, save the workbook from its template.",
                    ),
                    _link("workbooks-link", "monitor-your-data"),
                    *(
                        _section(f"workbook{index}", item["title"], item["description"].strip())
                        for index, item in enumerate(listed, 1)
                    ),
                ],
            )
        )
    found.append(
        _step(
            "analytics",
            "Analytics",
            [
                _text(
                    "analytics-text",
                    "This solution installs the templates of rules below. After installing it, make rules from them.",
                ),
                _link("analytics-link", "create-analytics-rule-from-template"),
                *(
                    _section(f"analytic{index}", item["name"], _about(item["description"]))
                    for index, item in enumerate(sources.rules.values(), 1)
                ),
            ],
        )
    )
    found.append(
        _step(
            "huntingqueries",
            "Hunting Queries",
            [
                _text("huntingqueries-text", "This solution installs the hunting queries below."),
                _link("huntingqueries-link", "hunting"),
                *(
                    _section(f"huntingquery{index}", item["name"], _about(item["description"]))
                    for index, item in enumerate(sources.hunts.values(), 1)
                ),
            ],
        )
    )
    for item in sources.watchlists.values():
        found.append(
            _step(
                "watchlists",
                "Watchlists",
                [
                    _section("watchlist1", item.settings["displayName"], item.settings["description"]),
                    {
                        "name": "create",
                        "type": "Microsoft.Common.CheckBox",
                        "label": "Make the watchlist, with one example row",
                        "toolTip": "Leave it out where the list is there already: it would get the example row once more.",
                        "defaultValue": True,
                    },
                ],
            )
        )
    return found


def _in_group(result: str) -> str:
    return f"[map(filter(basics('getLAWorkspace').value, (filter) => contains(toLower(filter.id), toLower(resourceGroup().name))), (item) => {result})]"


def ui(sources: Sources) -> dict[str, Any]:
    """createUiDefinition.json."""
    chosen = "and(contains(toLower(filter.id), toLower(resourceGroup().name)), equals(filter.name, basics('workspace')))"
    outputs = {
        "workspace-location": f"[first(map(filter(basics('getLAWorkspace').value, (filter) => {chosen}), (item) => item.location))]",
        "location": "[location()]",
        "workspace": "[basics('workspace')]",
    }
    if sources.watchlists:
        outputs["create-watchlist"] = "[steps('watchlists').create]"
    notes = "**Note:** There may be [known issues](https://aka.ms/sentinelsolutionsknownissues) with solutions; read them before installing."
    basics = {
        "description": f"{description(sources)}\n\n{notes}",
        "subscription": {
            "resourceProviders": [
                "Microsoft.OperationsManagement/solutions",
                "Microsoft.OperationalInsights/workspaces/providers/alertRules",
                "Microsoft.Insights/workbooks",
            ]
        },
        "location": {"metadata": {"hidden": True}, "visible": True},
        "resourceGroup": {"allowExisting": True},
    }
    workspaces = "[concat(subscription().id,'/providers/Microsoft.OperationalInsights/workspaces?api-version=2025-02-01')]"
    return {
        "$schema": UI_SCHEMA,
        "handler": "Microsoft.Azure.CreateUIDef",
        "version": "0.1.2-preview",
        "parameters": {
            "config": {"isWizard": False, "basics": basics},
            "basics": [
                {
                    "name": "getLAWorkspace",
                    "type": "Microsoft.Solutions.ArmApiControl",
                    "toolTip": "This filters by workspaces that exist in the Resource Group selected",
                    "condition": "[greater(length(resourceGroup().name),0)]",
                    "request": {"method": "GET", "path": workspaces},
                },
                {
                    "name": "workspace",
                    "type": "Microsoft.Common.DropDown",
                    "label": "Workspace",
                    "placeholder": "Select a workspace",
                    "toolTip": "This dropdown will list only workspace that exists in the Resource Group selected",
                    "constraints": {
                        "allowedValues": _in_group(
                            """parse(concat('{"label":"', item.name, '","value":"', item.name, '"}'))"""
                        ),
                        "required": True,
                    },
                    "visible": True,
                },
            ],
            "steps": _steps(sources),
            "outputs": outputs,
        },
    }


def metadata(sources: Sources) -> dict[str, Any]:
    """SolutionMetadata.json."""
    members = (
        "publisherId",
        "offerId",
        "firstPublishDate",
        "lastPublishDate",
        "providers",
        "categories",
        "support",
    )
    return {member: sources.solution[member] for member in members}


def workbooks_metadata(sources: Sources) -> list[dict[str, Any]]:
    """The entries for Workbooks/WorkbooksMetadata.json of Microsoft's repository."""
    return [
        {
            "workbookKey": key,
            "logoFileName": "humanbound.svg",
            "description": about["description"].strip(),
            "dataTypesDependencies": [TABLE],
            "dataConnectorsDependencies": [sources.page["name"]],
            "previewImagesFileNames": sources.previews,
            "version": about["version"],
            "title": about["title"],
            "templateRelativePath": f"{key}.json",
            "subtitle": "",
            "provider": sources.solution["support"]["name"],
        }
        for key in sources.workbooks
        for about in [sources.solution["workbooks"][key]]
    ]


def custom_table(sources: Sources) -> dict[str, Any]:
    """The table as the checks of KQL in Microsoft's repository want it."""
    return {
        "Name": TABLE,
        "Properties": [{"Name": column["name"], "Type": column["type"]} for column in sources.columns],
    }


def test_parameters(template: dict[str, Any]) -> dict[str, Any]:
    """testParameters.json: the template's parameters, as Microsoft's tool writes them."""
    return {
        name: {key: str(value) if isinstance(value, Expression) else value for key, value in rule.items()}
        for name, rule in template["parameters"].items()
    }
