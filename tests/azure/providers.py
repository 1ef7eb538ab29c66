"""The resource providers: what Azure adds to a resource, and what it refuses. Hand-written from the documentation."""

from __future__ import annotations

import re
from typing import Any

from clouds import CLOUDS
from diagnostics import refuse_diagnostics
from expressions import TemplateError, digest, guid_of

from content import refuse_function, refuse_page, refuse_rule, refuse_unknown_names, watchlist_rows

TABLE_TYPES = {"string", "int", "long", "real", "boolean", "dynamic", "dateTime", "guid"}
STREAM_TYPES = {"string", "int", "long", "real", "boolean", "dynamic", "datetime"}
RESERVED = {"_resourceid", "id", "_subscriptionid", "tenantid", "type", "uniqueid", "title"}
MONITORING_METRICS_PUBLISHER = "3913510d-42f4-4e42-8a64-420c390055eb"
KEY_VAULT_SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
STORAGE_BLOB_DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
STORAGE_BLOB_DATA_OWNER = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
# How long what was written cannot be seen by the services that look it up, in empty deployments; nobody promises a time.
SETTLING = {"tables": 3, "savedsearches": 10}


class Providers:
    def __init__(self, cloud: str, subscription: str, tenant: str) -> None:
        self.cloud = {"name": cloud}
        self.subscription, self.tenant = subscription, tenant
        # By id in lower case; and what a deletion left behind, with the secrets that were in it.
        self.resources: dict[str, dict[str, Any]] = {}
        self.deleted: dict[str, Any] = {}
        self.settings: dict[str, dict[str, Any]] = {}
        # The versions of each secret with their values, oldest first, by its id in lower case.
        self.secrets: dict[str, list[tuple[str, str]]] = {}
        # Rows of watchlists, by id in lower case.
        self.watchlists: dict[str, Any] = {}
        # Every PUT in order: the tests read it.
        self.puts: list[str] = []
        # Whether this only predicts: nobody runs a query or looks for a table before there is a deployment.
        self.predicts = False
        # The time of the PUT that is under way, and what was written when: see `settled`.
        self.now, self.settling = 0, dict(SETTLING)
        self.written: dict[str, list[tuple[int, dict[str, Any]]]] = {}

    @property
    def domains(self) -> Any:
        # An unknown cloud has some domains too; the template must refuse it on its own.
        return CLOUDS.get(self.cloud["name"], CLOUDS["AzureCloud"])

    def below(self, identifier: str) -> Any:
        return [key for key in self.resources if key.startswith(identifier.lower() + "/")]

    def require(self, code: str, identifier: str, message: str) -> Any:
        if identifier.lower() not in self.resources:
            raise TemplateError(code, message)

    def put(self, identifier: str, body: dict[str, Any]) -> None:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d(-preview)?", body.get("apiVersion", "")):
            raise TemplateError("MissingApiVersionParameter", f"{identifier} has no api-version")
        # Sentinel's resources extend a workspace; packages and Repositories write them as its children.
        kind = (
            body["type"]
            .lower()
            .replace("microsoft.operationalinsights/workspaces/providers/", "microsoft.securityinsights/")
        )
        kind = kind.replace(".", "_").replace("/", "_")
        old = self.resources.get(identifier.lower())
        resource = {**body, "id": identifier, "properties": dict(body.get("properties") or {})}
        getattr(self, kind, lambda *_: None)(resource, old)
        self.puts.append(identifier)
        self.resources[identifier.lower()] = resource
        self.written.setdefault(identifier.lower(), []).append((self.now, resource["properties"]))

    def settled(self, identifier: str) -> Any:
        """The properties of a resource as other services see them by now, or None."""
        key = identifier.lower()
        wait = self.settling.get(key.split("/")[-2], 0)
        if key not in self.written:
            return self.resources.get(key, {}).get("properties")
        versions = [properties for at, properties in self.written[key] if at + wait <= self.now]
        return versions[-1] if versions else None

    def delete(self, identifier: str) -> None:
        """An uninstall. A vault with purge protection stays, with its secrets."""
        gone = {
            key: self.resources.pop(key)
            for key in [*self.below(identifier), identifier.lower()]
            if key in self.resources
        }
        for key in gone:
            self.written.pop(key, None)
            self.watchlists.pop(key, None)
        for key, resource in gone.items():
            if resource["type"] == "Microsoft.KeyVault/vaults":
                self.deleted[key] = {
                    inner: value
                    for inner, value in gone.items()
                    if inner.startswith(key) and "secrets/" in inner
                }
        self.settings = {key: value for key, value in self.settings.items() if key in self.resources}

    def list(self, path: str) -> Any:
        site = path.removesuffix("/config/appsettings").lower()
        self.require("ResourceNotFound", site, f"The Resource '{path}' was not found.")
        return {"properties": dict(self.settings.get(site, {}))}

    # One method for each type that does more than be stored.

    def microsoft_managedidentity_userassignedidentities(
        self, resource: dict[str, Any], old: dict[str, Any] | None
    ) -> None:
        identifier = resource["id"].lower()
        resource["properties"] = {
            "principalId": guid_of("principal", identifier),
            "clientId": guid_of("client", identifier),
            "tenantId": self.tenant,
        }

    def microsoft_operationalinsights_workspaces(
        self, resource: dict[str, Any], old: dict[str, Any] | None
    ) -> None:
        resource["properties"]["customerId"] = guid_of("customer", resource["id"].lower())

    def microsoft_operationalinsights_workspaces_tables(
        self, resource: dict[str, Any], old: dict[str, Any] | None
    ) -> None:
        self.require(
            "ParentResourceNotFound", resource["id"].rsplit("/", 2)[0], "the workspace does not exist"
        )
        columns = resource["properties"]["schema"]["columns"]
        if "TimeGenerated" not in [column["name"] for column in columns]:
            raise TemplateError("SchemaUpdateFatalError", "the mandatory field TimeGenerated is missing")
        for column in columns:
            name = column["name"]
            if (
                column["type"] not in TABLE_TYPES
                or name.lower() in RESERVED
                or not re.fullmatch(r"[A-Za-z]\w{0,44}", name)
            ):
                raise TemplateError(
                    "InvalidParameter", f"the column {name} of type {column['type']} cannot be created"
                )

    def microsoft_securityinsights_onboardingstates(
        self, resource: dict[str, Any], old: dict[str, Any] | None
    ) -> None:
        self.require(
            "ParentResourceNotFound",
            resource["id"].split("/providers/Microsoft.SecurityInsights")[0],
            "the workspace does not exist",
        )

    def microsoft_insights_datacollectionendpoints(
        self, resource: dict[str, Any], old: dict[str, Any] | None
    ) -> None:
        resource["properties"]["logsIngestion"] = {
            "endpoint": f"https://dce-humanbound-abcd.westeurope-1.ingest.monitor.{self.domains['monitor']}"
        }

    def microsoft_insights_datacollectionrules(
        self, resource: dict[str, Any], old: dict[str, Any] | None
    ) -> None:
        properties = resource["properties"]
        workspace = properties["destinations"]["logAnalytics"][0]["workspaceResourceId"]
        self.require("InvalidPayload", workspace, f"the workspace {workspace} does not exist")
        if self.resources[workspace.lower()].get("location") != resource["location"]:
            raise TemplateError("InvalidPayload", "the rule must be in the region of its workspace")
        for flow in properties["dataFlows"]:
            table = flow["outputStream"].removeprefix("Custom-")
            if not self.predicts and self.settled(f"{workspace}/tables/{table}") is None:
                raise TemplateError("InvalidPayload", f"InvalidOutputTable: {table} is not available")
        for stream in properties["streamDeclarations"].values():
            for column in stream["columns"]:
                if column["type"] not in STREAM_TYPES:
                    raise TemplateError(
                        "InvalidPayload",
                        f"the stream's column {column['name']} has the type {column['type']}",
                    )
        properties["immutableId"] = "dcr-" + digest(resource["id"].lower())[:32]
        if resource.get("kind") == "Direct":
            properties["endpoints"] = {
                "logsIngestion": f"https://dcr-humanbound-abcd-westeurope.logs.z1.ingest.monitor.{self.domains['monitor']}"
            }

    def microsoft_storage_storageaccounts(self, resource: dict[str, Any], old: dict[str, Any] | None) -> None:
        name = resource["id"].rsplit("/", 1)[1]
        resource["properties"]["primaryEndpoints"] = {"blob": f"https://{name}.blob.{self.domains['blob']}/"}

    def microsoft_keyvault_vaults(self, resource: dict[str, Any], old: dict[str, Any] | None) -> None:
        key, properties = resource["id"].lower(), resource["properties"]
        recover = properties.get("createMode") == "recover"
        if key in self.deleted and not recover:
            raise TemplateError(
                "ConflictError",
                "A vault with the same name already exists in deleted state. You need to either recover or purge existing key vault.",
            )
        if recover and key not in self.deleted and old is None:
            raise TemplateError("VaultNotFound", "there is no deleted vault of this name")
        self.resources.update(self.deleted.pop(key, {}))
        properties["vaultUri"] = f"https://{resource['id'].rsplit('/', 1)[1]}.{self.domains['vault']}/"

    def microsoft_keyvault_vaults_secrets(self, resource: dict[str, Any], old: dict[str, Any] | None) -> None:
        """Every PUT makes a version, also of an equal value."""
        identifier = resource["id"].lower()
        version = self.new_version(identifier, resource["properties"]["value"])
        vault = self.resources[identifier.rsplit("/secrets/", 1)[0]]["properties"]["vaultUri"]
        resource["properties"]["secretUri"] = f"{vault}secrets/{resource['id'].rsplit('/', 1)[1]}"
        resource["properties"]["secretUriWithVersion"] = f"{resource['properties']['secretUri']}/{version}"

    def new_version(self, key: str, value: str) -> str:
        versions = self.secrets.setdefault(key, [])
        versions.append((digest(key, str(len(versions)))[:32], value))
        return versions[-1][0]

    def microsoft_insights_components(self, resource: dict[str, Any], old: dict[str, Any] | None) -> None:
        self.require(
            "InvalidParameter", resource["properties"]["WorkspaceResourceId"], "the workspace does not exist"
        )
        resource["properties"]["ConnectionString"] = (
            f"InstrumentationKey={guid_of('ikey', resource['id'].lower())}"
        )

    def microsoft_authorization_roleassignments(
        self, resource: dict[str, Any], old: dict[str, Any] | None
    ) -> None:
        self.require(
            "ResourceNotFound",
            resource["id"].split("/providers/Microsoft.Authorization")[0],
            "the scope of the role does not exist",
        )
        if old and old["properties"]["principalId"] != resource["properties"]["principalId"]:
            raise TemplateError(
                "RoleAssignmentUpdateNotPermitted",
                "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
            )

    def microsoft_web_sites(self, resource: dict[str, Any], old: dict[str, Any] | None) -> None:
        """Refuses a site that comes before what it needs, which Azure would take and then fail to start."""
        properties = resource["properties"]
        self.require("ResourceNotFound", properties["serverFarmId"], "the plan does not exist")
        principals = set()
        for identity in resource["identity"]["userAssignedIdentities"]:
            self.require("ResourceNotFound", identity, "the identity does not exist")
            principals.add(self.resources[identity.lower()]["properties"]["principalId"])
        roles = {
            resource["properties"]["roleDefinitionId"].rsplit("/", 1)[1]
            for resource in self.resources.values()
            if resource["type"] == "Microsoft.Authorization/roleAssignments"
            and resource["properties"]["principalId"] in principals
        }
        for role in (
            MONITORING_METRICS_PUBLISHER,
            KEY_VAULT_SECRETS_USER,
            STORAGE_BLOB_DATA_CONTRIBUTOR,
            STORAGE_BLOB_DATA_OWNER,
        ):
            if role not in roles:
                raise TemplateError(
                    "RoleTooLate", f"the identity has not got the role {role} before the site that uses it"
                )
        url = properties["functionAppConfig"]["deployment"]["storage"]["value"]
        place = re.fullmatch(r"https://([^.]+)\.blob\.[^/]+/(.+)", url)
        account, container = place.groups() if place else ("", url)
        if not any(
            key.endswith(f"/{account}/blobservices/default/containers/{container}") for key in self.resources
        ):
            raise TemplateError("BadRequest", f"the container {container} does not exist")
        if "appSettings" in properties.get("siteConfig", {}):
            self.settings[resource["id"].lower()] = {
                item["name"]: item["value"] for item in properties["siteConfig"]["appSettings"]
            }
        name = resource["id"].rsplit("/", 1)[1]
        properties.update(
            {
                "name": name,
                "state": "Running",
                "sku": "FlexConsumption",
                "defaultHostName": f"{name}.{self.domains['site']}",
                "enabledHostNames": [f"{name}.{self.domains['site']}", f"{name}.scm.{self.domains['site']}"],
                "hostNameSslStates": [
                    {
                        "name": f"{name}.{self.domains['site']}",
                        "hostType": "Standard",
                        "sslState": "Disabled",
                    },
                    {
                        "name": f"{name}.scm.{self.domains['site']}",
                        "hostType": "Repository",
                        "sslState": "Disabled",
                    },
                ],
                "reserved": True,
                "resourceGroup": resource["id"].split("/")[4],
            }
        )

    def microsoft_web_sites_config(self, resource: dict[str, Any], old: dict[str, Any] | None) -> None:
        site, name = resource["id"].split("/config/")
        self.require("ParentResourceNotFound", site, "the site does not exist")
        if name == "appsettings":
            # The whole list is replaced: nothing of the old one stays unless it is sent again.
            self.settings[site.lower()] = resource["properties"]
            resource["properties"] = {}

    def microsoft_operationalinsights_workspaces_savedsearches(
        self, resource: dict[str, Any], old: dict[str, Any] | None
    ) -> None:
        refuse_function(resource["properties"], old is not None)

    def onboarded(self, resource: dict[str, Any]) -> Any:
        """The workspace of a resource of Sentinel."""
        workspace = resource["id"].split("/providers/Microsoft.SecurityInsights")[0]
        self.require(
            "BadRequest",
            f"{workspace}/providers/Microsoft.SecurityInsights/onboardingStates/default",
            "the workspace is not onboarded",
        )
        return workspace

    def microsoft_securityinsights_alertrules(
        self, resource: dict[str, Any], old: dict[str, Any] | None
    ) -> None:
        workspace = self.onboarded(resource)
        below = {key: self.settled(key) for key in self.below(workspace)}
        functions = {
            item["functionAlias"]: item
            for key, item in below.items()
            if "/savedsearches/" in key and item and item.get("functionAlias")
        }
        tables = {
            self.resources[key]["id"].rsplit("/", 1)[1]
            for key, item in below.items()
            if "/tables/" in key and item
        }
        refuse_rule(resource["properties"])
        if not self.predicts:
            refuse_unknown_names(resource["properties"]["query"], functions, tables)

    def microsoft_securityinsights_watchlists(
        self, resource: dict[str, Any], old: dict[str, Any] | None
    ) -> None:
        """Adds rows to those that are there and drops the ones that are equal in every column; never takes one away.
        https://learn.microsoft.com/azure/sentinel/watchlists-manage#bulk-update-a-watchlist"""
        self.onboarded(resource)
        rows = self.watchlists.setdefault(resource["id"].lower(), [])
        rows += [row for row in watchlist_rows(resource["properties"]) if row not in rows]

    def microsoft_securityinsights_dataconnectordefinitions(
        self, resource: dict[str, Any], old: dict[str, Any] | None
    ) -> None:
        self.onboarded(resource)
        refuse_page(resource)

    def microsoft_insights_diagnosticsettings(
        self, resource: dict[str, Any], old: dict[str, Any] | None
    ) -> None:
        scope = resource["id"].rsplit("/providers/", 1)[0]
        if "/Microsoft.SecurityInsights/" in scope:
            self.onboarded(resource)
        else:
            self.require("ResourceNotFound", scope, f"The Resource '{scope}' was not found.")
        beside = [self.resources[key] for key in self.below(scope) if "/diagnosticsettings/" in key]
        refuse_diagnostics(
            resource, [item for item in beside if item["id"].lower() != resource["id"].lower()]
        )

    def microsoft_securityinsights_contentpackages(
        self, resource: dict[str, Any], old: dict[str, Any] | None
    ) -> None:
        self.onboarded(resource)
        if (
            resource["properties"]["contentKind"] != "Solution"
            or resource["properties"]["contentId"] != resource["id"].rsplit("/", 1)[1]
        ):
            raise TemplateError("BadRequest", "a package is named by its contentId")

    def microsoft_securityinsights_contenttemplates(
        self, resource: dict[str, Any], old: dict[str, Any] | None
    ) -> None:
        """A template comes after its package, and holds one."""
        workspace, properties = self.onboarded(resource), resource["properties"]
        package = (
            f"{workspace}/providers/Microsoft.SecurityInsights/contentPackages/{properties['packageId']}"
        )
        self.require("BadRequest", package, f"the package {properties['packageId']} is not installed")
        if not properties["mainTemplate"].get("resources"):
            raise TemplateError("BadRequest", f"the template of {properties['contentId']} is empty")

    def microsoft_securityinsights_metadata(
        self, resource: dict[str, Any], old: dict[str, Any] | None
    ) -> None:
        """Azure need not look whether the parent is there; a template that promises an order is held to it."""
        self.onboarded(resource)
        parent = resource["properties"]["parentId"]
        self.require("BadRequest", parent, f"what the metadata are for does not exist: {parent}")
