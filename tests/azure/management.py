"""What an operator's tool asks of Azure beside deployments: providers, permissions, lists, secrets, tags, queries.

Answers in the shape of Azure Resource Manager, over the resources that deployments made. `Management.answer` gives None for
what it does not know. Hand-written from the REST documentation: https://learn.microsoft.com/rest/api/azure/.
"""

from __future__ import annotations

import json
import re
import urllib.parse
from typing import Any

import logs
from answers import Answer
from arm import Engine
from sites import Sites

# What `/manage` may set.
DEFAULTS: dict[str, Any] = {
    # Namespaces that are not registered yet, in lower case.
    "unregistered": [],
    "permissions": [{"actions": ["*"], "notActions": [], "dataActions": [], "notDataActions": []}],
    # How many things a page of a list has.
    "page": 100,
    "columns": [{"name": "EventId", "type": "string"}, {"name": "Rows", "type": "long"}],
    "rows": [],
    # What `/api/health` of a published connector says.
    "health": {"status": "ok", "version": "0.1.0"},
    # The port of this machine that answers for a published connector, if any does.
    "connector": None,
    "function_key": "function",
    # The rows of the table, which queries are run over; without them `columns` and `rows` are the answer to any.
    "table": None,
    # Names of the blobs in every container.
    "blobs": [],
}


class Faults:
    """Answers that the tests want instead of the usual ones: the first that fits, as often as it says."""

    def __init__(self) -> None:
        self.planned: list[dict[str, Any]] = []

    def plan(self, fault: dict[str, Any]) -> None:
        self.planned.append({"times": 1, "headers": {}, "method": ".*", **fault})

    def answer(self, method: str, url: str) -> Answer | None:
        for fault in self.planned:
            if (
                fault["times"] > 0
                and re.fullmatch(fault["method"], method)
                and re.search(fault["path"], url, re.IGNORECASE)
            ):
                fault["times"] -= 1
                # What is no object is a page of something in between.
                page = isinstance(fault["body"], str)
                body = fault["body"].encode() if page else fault["body"]
                headers = {"Content-Type": "text/html"} if page else {}
                return fault["status"], {**headers, **fault["headers"]}, body
        return None


class Management:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.settings = dict(DEFAULTS)
        self.sites = Sites(engine.providers, self.settings)

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes) -> Answer | None:
        parts = [part for part in path.split("/") if part]
        lower = [part.lower() for part in parts]
        if lower[-2:] == ["microsoft.authorization", "permissions"]:
            return 200, {}, {"value": self.settings["permissions"]}
        if lower[2:3] == ["providers"] and len(lower) in (4, 5):
            return self.provider(method, path, parts)
        if lower[-2:] == ["tags", "default"]:
            return self.tags(method, path, body)
        if len(lower) > 3 and lower[-2] == "secrets" and lower[-4] == "vaults":
            return self.secret(method, path, body)
        if "configreferences" in lower:
            return self.references("/" + "/".join(lower[:8]), method)
        if method == "DELETE":
            known = path.lower() in self.engine.providers.resources
            self.engine.providers.delete(path)
            if len(lower) == 4:
                known = self.engine.groups.pop(parts[3], None) is not None
            return (200 if known else 204), {}, None
        if (
            method == "PUT"
            and "watchlistitems" in lower
            and path.lower() not in self.engine.providers.resources
        ):
            return self.put(path, body)
        if (
            method == "GET"
            and path.lower() not in self.engine.providers.resources
            and "deployments" not in lower
        ):
            return self.list(path, lower, query)
        return None

    def provider(self, method: str, path: str, parts: list[str]) -> Answer:
        if parts[3].lower() == "microsoft.keyvault" and parts[4:5] and parts[4].lower() == "deletedvaults":
            return (
                200,
                {},
                {"value": [self.deleted(identifier) for identifier in self.engine.providers.deleted]},
            )
        name, unregistered = parts[3], self.settings["unregistered"]
        if method == "POST" and name.lower() in unregistered:
            unregistered.remove(name.lower())
        state = "NotRegistered" if name.lower() in unregistered else "Registered"
        return (
            200,
            {},
            {
                "id": "/" + "/".join(parts[:4]),
                "namespace": name,
                "registrationState": state,
                "resourceTypes": [],
            },
        )

    @staticmethod
    def deleted(identifier: str) -> dict[str, Any]:
        name = identifier.rsplit("/", 1)[1]
        subscription = identifier.split("/")[2]
        return {
            "id": f"/subscriptions/{subscription}/providers/Microsoft.KeyVault/locations/westeurope/deletedVaults/{name}",
            "name": name,
            "type": "Microsoft.KeyVault/deletedVaults",
            "properties": {
                "vaultId": identifier,
                "location": "westeurope",
                "deletionDate": "2026-11-20T00:00:00Z",
                "scheduledPurgeDate": "2026-11-27T00:00:00Z",
                "purgeProtectionEnabled": True,
            },
        }

    def tags(self, method: str, path: str, body: bytes) -> Answer:
        identifier = re.sub("/providers/microsoft.resources/tags/default$", "", path, flags=re.IGNORECASE)
        resource = self.engine.providers.resources.get(identifier.lower())
        if resource is None:
            return (
                404,
                {},
                {
                    "error": {
                        "code": "ResourceNotFound",
                        "message": f"The Resource '{identifier}' was not found.",
                    }
                },
            )
        if method == "PATCH":
            given = json.loads(body)
            if given["operation"] != "Merge":
                return 400, {}, {"error": {"code": "BadRequest", "message": "only Merge is played here"}}
            resource["tags"] = {**(resource.get("tags") or {}), **given["properties"]["tags"]}
        return (
            200,
            {},
            {
                "id": path,
                "name": "default",
                "type": "Microsoft.Resources/tags",
                "properties": {"tags": resource.get("tags") or {}},
            },
        )

    def secret(self, method: str, path: str, body: bytes) -> Answer:
        """https://learn.microsoft.com/rest/api/keyvault/keyvault/secrets: written with its value, read without."""
        resources, key = self.engine.providers.resources, path.lower()
        vault, name = path.rsplit("/secrets/", 1)
        if vault.lower() not in resources:
            return 404, {}, {"error": {"code": "VaultNotFound", "message": "The vault was not found."}}
        if method == "PUT":
            value = json.loads(body)["properties"]["value"]
            resources[key] = {
                "id": path,
                "type": "Microsoft.KeyVault/vaults/secrets",
                "properties": {"value": value},
            }
            self.engine.providers.new_version(key, value)
        if key not in resources:
            return (
                404,
                {},
                {
                    "error": {
                        "code": "SecretNotFound",
                        "message": f"A secret with (name/id) {name} was not found in this key vault.",
                    }
                },
            )
        uri = resources[vault.lower()]["properties"]["vaultUri"] + f"secrets/{name}"
        version, _ = self.engine.providers.secrets[key][-1]
        properties = {
            "attributes": {"enabled": True},
            "secretUri": uri,
            "secretUriWithVersion": f"{uri}/{version}",
        }
        return (
            200,
            {},
            {"id": path, "name": name, "type": "Microsoft.KeyVault/vaults/secrets", "properties": properties},
        )

    def references(self, site: str, method: str) -> Answer:
        if method == "POST":
            self.sites.refresh(site)
            return 200, {}, None
        listed = [
            {"name": name, "properties": {"reference": "@Microsoft.KeyVault(..)", "status": status}}
            for name, status in self.sites.statuses.get(site, {}).items()
        ]
        return 200, {}, {"value": listed, "nextLink": None}

    def put(self, path: str, body: bytes) -> Answer:
        resource = {
            **json.loads(body),
            "id": path,
            "name": path.rsplit("/", 1)[1],
            "type": "Microsoft.SecurityInsights/watchlists/watchlistItems",
        }
        self.engine.providers.resources[path.lower()] = resource
        return 200, {}, resource

    def list(self, path: str, lower: list[str], query: dict[str, str]) -> Answer | None:
        """What is directly below a path, a page at a time; None when a single thing is asked for."""
        resources = self.engine.providers.resources
        if lower[2:3] == ["resourcegroups"] and lower[4:] == ["resources"]:
            prefix = "/" + "/".join(lower[:4]) + "/providers/"
            found = [
                item
                for key, item in resources.items()
                if key.startswith(prefix) and key[len(prefix) :].count("/") == 2
            ]
        else:
            # After the last `providers`: a namespace, then a kind and a name in turns. The kind comes last in a list's path.
            tail = lower[len(lower) - lower[::-1].index("providers") :] if "providers" in lower else [""]
            prefix = path.lower() + "/"
            found = [
                item
                for key, item in resources.items()
                if key.startswith(prefix) and "/" not in key[len(prefix) :]
            ]
            if len(tail) % 2 or not (found or lower[-1] in LISTS):
                return None
        begin, size = int(query.get("$skiptoken", 0)), self.settings["page"]
        page = [
            {
                "name": item["id"].rsplit("/", 1)[1],
                **{key: value for key, value in item.items() if key != "apiVersion"},
            }
            for item in found[begin : begin + size]
        ]
        answer: dict[str, Any] = {"value": page}
        if begin + size < len(found):
            onward = urllib.parse.urlencode({"api-version": query["api-version"], "$skiptoken": begin + size})
            answer["nextLink"] = f"https://management.azure.com{path}?{onward}"
        return 200, {}, answer

    def blobs(self, path: str, query: dict[str, str]) -> Answer:
        """https://learn.microsoft.com/rest/api/storageservices/list-blobs."""
        names = [name for name in self.settings["blobs"] if name.startswith(query.get("prefix", ""))]
        item = "<Blob><Name>{}</Name><Properties><Content-Length>1</Content-Length><BlobType>BlockBlob</BlobType></Properties></Blob>"
        blobs = "".join(item.format(name) for name in names)
        text = f'<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="{path[1:]}"><Blobs>{blobs}</Blobs><NextMarker /></EnumerationResults>'
        return 200, {"Content-Type": "application/xml", "x-ms-version": "2023-11-03"}, text.encode()

    def rows(self, path: str, body: bytes) -> Answer:
        """https://learn.microsoft.com/azure/azure-monitor/logs/api/response-format."""
        query = json.loads(body).get("query")
        if not query:
            return (
                400,
                {},
                {"error": {"code": "BadArgumentError", "message": "The request had some invalid properties"}},
            )
        rows = self.settings["table"]
        if rows is None:
            columns, rows = self.settings["columns"], self.settings["rows"]
            return 200, {}, {"tables": [{"name": "PrimaryResult", "columns": columns, "rows": rows}]}
        resources, asked = self.engine.providers.resources, path.split("/")[3]
        workspaces = [key for key, item in resources.items() if item["properties"].get("customerId") == asked]
        below = self.engine.providers.below(workspaces[0]) if workspaces else []
        tables = [resources[key] for key in below if "/tables/" in key]
        if not tables:
            message = "The workspace could not be found"
            return 404, {}, {"error": {"code": "WorkspaceNotFoundError", "message": message}}
        (table,) = tables
        name, columns = table["id"].rsplit("/", 1)[1], table["properties"]["schema"]["columns"]
        return 200, {}, logs.select(query, name, columns, rows)


# Kinds of things of which there may be none.
LISTS = {"vaults", "alertrules", "savedsearches", "watchlistitems", "workbooks", "sites"}
