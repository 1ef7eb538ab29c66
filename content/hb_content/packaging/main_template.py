"""`mainTemplate.json` of the Content Hub: the package, a template for each piece of content, and what works at once
without anybody making it from a template: functions, connector pages, the watchlist.

The pattern is that of Microsoft's own packages, version 3, which are made by
https://github.com/Azure/Azure-Sentinel/tree/master/Tools/Create-Azure-Sentinel-Solution/V3; versions of the API are the
newest stable ones, and members that those do not have are left out."""

from __future__ import annotations

from typing import Any

from hb_content.documents.sources import TABLE, parser_name, parser_version
from hb_content.packaging import items
from hb_content.packaging.arm import SCHEMA, Expression, expressions, in_workspace, resource
from hb_content.packaging.sources import Sources

SOLUTION = "variables('_solutionId')"
WORKSPACE = "resourceId('Microsoft.OperationalInsights/workspaces', parameters('workspace'))"
LOCATION = Expression("[parameters('workspace-location')]")
SECURITY = "Microsoft.SecurityInsights/"
#: What the package itself is in the eyes of those that depend on it.
PACKAGE = f"[extensionResourceId({WORKSPACE}, 'Microsoft.SecurityInsights/contentPackages', {SOLUTION})]"
SCHEMA_VERSION = "3.0.0"


def _tagged(description: str) -> Expression:
    """A rule's description, behind the tag that is a parameter of the package."""
    quoted = description.replace("'", "''")
    return Expression(f"[trim(concat(parameters('correlation-tag'), ' ', '{quoted}'))]")


def _parameter(description: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", **more, "metadata": {"description": description}}


class Package:
    """A package while it is put together."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        solution = sources.solution
        self.version = solution["version"]
        self.variables: dict[str, Any] = {
            "_solutionName": solution["name"],
            "_solutionVersion": self.version,
            "solutionId": sources.solution_id,
            "_solutionId": Expression("[variables('solutionId')]"),
            "workspaceResourceId": Expression(f"[{WORKSPACE}]"),
        }
        self.parameters: dict[str, Any] = {
            "location": _parameter(
                "Region of the deployment.",
                minLength=1,
                defaultValue=Expression("[resourceGroup().location]"),
            ),
            "workspace-location": _parameter(
                "Region of the workspace.", defaultValue=Expression("[parameters('location')]")
            ),
            "workspace": _parameter("Name of the workspace that Microsoft Sentinel is on.", minLength=4),
            "resourceGroupName": _parameter(
                "Resource group of the workspace.", defaultValue=Expression("[resourceGroup().name]")
            ),
            "correlation-tag": _parameter(
                "What the description of each rule begins with, for Microsoft Defender; may be empty.",
                defaultValue=items.CORRELATION_TAG,
            ),
            "subscription": _parameter(
                "Id of the subscription.", defaultValue=Expression("[last(split(subscription().id, '/'))]")
            ),
        }
        self.resources: list[dict[str, Any]] = []
        self.criteria: list[dict[str, Any]] = []

    def metadata(self, kind: str, parent: str, content_id: str, version: str, **more: Any) -> dict[str, Any]:
        """The resource that says to which package something belongs. `parent` is an expression without brackets."""
        solution = self.sources.solution
        source = {
            "kind": "Solution",
            "name": Expression("[variables('_solutionName')]"),
            "sourceId": Expression(f"[{SOLUTION}]"),
        }
        properties = {
            "parentId": Expression(f"[{parent}]"),
            "contentId": content_id,
            "kind": kind,
            "version": version,
            "source": source,
        }
        about = {"author": solution["author"], "support": solution["support"]}
        return resource(
            SECURITY + "metadata",
            in_workspace(f"concat('{kind}-', last(split({parent},'/')))"),
            nested=True,
            **{key: value for key, value in more.items() if key == "dependsOn"},
            properties={
                **properties,
                **about,
                **{key: value for key, value in more.items() if key != "dependsOn"},
            },
        )

    def product_id(self, code: str, kind: str, content_id: str, version: str) -> Expression:
        """The id of one version of something."""
        unique = f"uniqueString(concat({SOLUTION},'-','{kind}','-','{content_id}','-','{version}'))"
        return Expression(f"[concat(take({SOLUTION},50),'-','{code}','-',{unique})]")

    def template(
        self, kind: str, code: str, content_id: str, version: str, title: str, inner: dict[str, Any]
    ) -> None:
        """Adds the template of a piece of content; `inner` are members of the template inside it."""
        name = f"concat(parameters('workspace'),'-{code}-',uniqueString('{content_id}'))"
        properties = {
            "contentId": content_id,
            "contentKind": kind,
            "contentProductId": self.product_id(code, kind, content_id, version),
            "contentSchemaVersion": SCHEMA_VERSION,
            "displayName": title,
            "version": version,
            "packageId": Expression(f"[{SOLUTION}]"),
            "packageKind": "Solution",
            "packageName": Expression("[variables('_solutionName')]"),
            "packageVersion": Expression("[variables('_solutionVersion')]"),
            "mainTemplate": {"$schema": SCHEMA, "contentVersion": version, **inner},
        }
        self.resources.append(
            resource(
                SECURITY + "contentTemplates",
                in_workspace(name),
                nested=True,
                dependsOn=[Expression(PACKAGE)],
                properties=properties,
            )
        )
        # What a connection needs comes with the page that makes it.
        if kind != "ResourcesDataConnector":
            self.criteria.append({"kind": kind, "contentId": content_id, "version": version})

    def parsers(self) -> None:
        """Functions are there at once, and as templates."""
        for file in self.sources.parsers.values():
            name, version = parser_name(file), parser_version(file)
            parent = f"resourceId('Microsoft.OperationalInsights/workspaces/savedSearches', parameters('workspace'), '{name}')"
            function = resource(
                "Microsoft.OperationalInsights/workspaces/savedSearches",
                f"[concat(parameters('workspace'),'/','{name}')]",
                properties=items.parser(file),
            )
            belongs = self.metadata(
                "Parser", parent, f"{name}-Parser", version, dependsOn=[Expression(f"[{parent}]")]
            )
            title = items.parser(file)["displayName"]
            self.template(
                "Parser", "pr", f"{name}-Parser", version, title, {"resources": [function, belongs]}
            )
            self.resources += [function, belongs]

    def rules(self) -> None:
        """Rules are templates: people decide which to make."""
        for file in self.sources.rules.values():
            parent = f"resourceId('Microsoft.SecurityInsights/alertRuleTemplates', '{file['id']}')"
            made = resource(
                SECURITY + "alertRuleTemplates",
                file["id"],
                kind=file["kind"],
                properties={**items.rule_template(file), "description": _tagged(file["description"].strip())},
            )
            belongs = self.metadata("AnalyticsRule", parent, file["id"], file["version"])
            self.template(
                "AnalyticsRule",
                "ar",
                file["id"],
                file["version"],
                file["name"],
                {"resources": [made, belongs]},
            )

    def hunts(self) -> None:
        """Hunting queries."""
        for name, file in self.sources.hunts.items():
            parent = f"resourceId('Microsoft.OperationalInsights/savedSearches', '{file['id']}')"
            made = resource(
                "Microsoft.OperationalInsights/savedSearches",
                f"humanbound_{name}",
                properties=items.hunt(file),
            )
            belongs = self.metadata("HuntingQuery", parent, file["id"], file["version"])
            self.template(
                "HuntingQuery",
                "hq",
                file["id"],
                file["version"],
                file["name"],
                {"resources": [made, belongs]},
            )

    def workbooks(self) -> None:
        """Workbooks, each with a name that can be chosen."""
        for index, (key, file) in enumerate(self.sources.workbooks.items(), 1):
            about = self.sources.solution["workbooks"][key]
            self.parameters[f"workbook{index}-name"] = _parameter(
                "Name of the workbook.", minLength=1, defaultValue=about["title"]
            )
            title = Expression(f"[parameters('workbook{index}-name')]")
            made = resource(
                "Microsoft.Insights/workbooks",
                key,
                location=LOCATION,
                kind="shared",
                metadata={"description": about["description"]},
                properties={
                    "displayName": title,
                    "serializedData": items.workbook(file),
                    "version": "1.0",
                    "sourceId": Expression("[variables('workspaceResourceId')]"),
                    "category": "sentinel",
                },
            )
            needs = [
                {"contentId": TABLE, "kind": "DataType"},
                {"contentId": self.sources.page["name"], "kind": "DataConnector"},
            ]
            belongs = self.metadata(
                "Workbook",
                f"resourceId('Microsoft.Insights/workbooks', '{key}')",
                key,
                about["version"],
                dependencies={"operator": "AND", "criteria": needs},
            )
            self.template("Workbook", "wb", key, about["version"], title, {"resources": [made, belongs]})

    def connectors(self) -> None:
        """The page of the connector, and the page, resources and connection of the push connector."""
        self.page(self.sources.page, [])
        push, connection = self.sources.push_page, f"{self.sources.push_page['name']}Connections"
        needs = {
            "criteria": [{"kind": "ResourcesDataConnector", "contentId": connection, "version": self.version}]
        }
        self.page(push, [items.rule_of_push(self.sources), items.table(self.sources)], dependencies=needs)
        parent = (
            f"extensionResourceId({WORKSPACE}, 'Microsoft.SecurityInsights/dataConnectors', '{connection}')"
        )
        belongs = self.metadata("ResourcesDataConnector", parent, connection, self.version)
        made = resource(
            SECURITY + "dataConnectors",
            f"[[concat(parameters('innerWorkspace'),'/Microsoft.SecurityInsights/','{self.sources.push['name']}',parameters('guidValue'))]",
            nested=True,
            kind=self.sources.push["kind"],
            properties=expressions(self.sources.push["properties"]),
        )
        # Sentinel fills these in; Microsoft's checks want all of them to be secure, or objects.
        secure = {"type": "securestring"}
        given = {
            "guidValue": {**secure, "defaultValue": Expression("[[newGuid()]")},
            "innerWorkspace": {**secure, "defaultValue": Expression("[parameters('workspace')]")},
            "connectorDefinitionName": {**secure, "defaultValue": push["name"], "minLength": 1},
            "workspace": {**secure, "defaultValue": Expression("[parameters('workspace')]")},
            "dcrConfig": {
                "type": "object",
                "defaultValue": {
                    "dataCollectionEndpoint": "endpoint",
                    "dataCollectionRuleImmutableId": "immutable id",
                },
            },
            "auth": {
                "type": "object",
                "defaultValue": {"appId": "application id", "servicePrincipalId": "principal id"},
            },
        }
        title = push["properties"]["connectorUiConfig"]["title"]
        inner = {"parameters": given, "resources": [belongs, made]}
        self.template("ResourcesDataConnector", "rdc", connection, self.version, title, inner)

    def page(self, page: dict[str, Any], more: list[dict[str, Any]], **about: Any) -> None:
        """A connector's page, at once and as a template with the resources that its button makes."""
        name = page["name"]
        definition = resource(
            SECURITY + "dataConnectorDefinitions",
            in_workspace(f"'{name}'"),
            nested=True,
            kind=page["kind"],
            properties=items.definition(page),
        )
        parent = f"extensionResourceId({WORKSPACE}, 'Microsoft.SecurityInsights/dataConnectorDefinitions', '{name}')"
        belongs = self.metadata("DataConnector", parent, name, self.version, **about)
        title = page["properties"]["connectorUiConfig"]["title"]
        self.template(
            "DataConnector", "dc", name, self.version, title, {"resources": [definition, belongs, *more]}
        )
        self.resources += [definition, {**belongs, "dependsOn": [Expression(f"[{parent}]")]}]

    def watchlists(self) -> None:
        """Watchlists are there at once, or not: one that people have filled in need not get the example again."""
        create = "create-watchlist"
        for alias, item in self.sources.watchlists.items():
            self.parameters[create] = {
                "type": "bool",
                "defaultValue": True,
                "metadata": {
                    "description": "Make the watchlist, with one example row. A list that is there keeps its rows and gets the example once more."
                },
            }
            self.resources.append(
                resource(
                    SECURITY + "watchlists",
                    in_workspace(f"'{alias}'"),
                    nested=True,
                    condition=Expression(f"[parameters('{create}')]"),
                    properties=items.watchlist(item),
                )
            )
            self.criteria.append({"kind": "Watchlist", "contentId": alias, "version": self.version})

    def itself(self, description: str) -> None:
        """The package, which lists everything that is in it."""
        solution = self.sources.solution
        version = Expression("[variables('_solutionVersion')]")
        own = Expression(f"[{SOLUTION}]")
        properties = {
            "contentId": own,
            "contentKind": "Solution",
            "contentProductId": self.product_id("sl", "Solution", self.sources.solution_id, self.version),
            "contentSchemaVersion": SCHEMA_VERSION,
            "displayName": solution["title"],
            "version": version,
            "description": description,
            "publisherDisplayName": solution["support"]["name"],
            "icon": self.sources.logo.strip(),
            "source": {
                "kind": "Solution",
                "name": Expression("[variables('_solutionName')]"),
                "sourceId": own,
            },
            "author": solution["author"],
            "support": solution["support"],
            "providers": solution["providers"],
            "categories": solution["categories"],
            "firstPublishDate": solution["firstPublishDate"],
            "lastPublishDate": solution["lastPublishDate"],
            "dependencies": {"operator": "AND", "criteria": self.criteria},
        }
        self.resources.append(
            resource(SECURITY + "contentPackages", in_workspace(SOLUTION), nested=True, properties=properties)
        )


def build(sources: Sources, description: str) -> dict[str, Any]:
    """The whole template."""
    package = Package(sources)
    package.connectors()
    package.parsers()
    package.rules()
    package.hunts()
    package.workbooks()
    package.watchlists()
    package.itself(description)
    solution = sources.solution
    return {
        "$schema": SCHEMA,
        "contentVersion": "1.0.0.0",
        "metadata": {
            "author": solution["author"]["name"],
            "comments": f"Solution template for {solution['name']}",
        },
        "parameters": package.parameters,
        "variables": package.variables,
        "resources": package.resources,
    }
