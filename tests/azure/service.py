"""Every host that the proxy ends the tunnels of: sign-in, publishing sites, and Azure Resource Manager."""

from __future__ import annotations

import base64
import json
import re
import threading
import time
import traceback
import urllib.parse
from email.message import Message
from typing import Any

from answers import Answer, error
from arm import SUBSCRIPTION, TENANT, Engine, group_path, succeeded, what_if
from expressions import TemplateError
from management import Faults, Management

SECRET = "operator-secret"


class Azure:
    """Everything behind the proxy. One request at a time."""

    def __init__(self, cloud: str) -> None:
        self.engine = Engine(cloud)
        self.management, self.faults = Management(self.engine), Faults()
        self.sites = self.management.sites
        self.deployments: dict[tuple[str, str], dict[str, Any]] = {}
        self.results: dict[str, dict[str, Any]] = {}
        self.requests: list[str] = []
        self.unknown: list[str] = []
        self.lock = threading.Lock()

    def answer(
        self,
        method: str,
        host: str,
        path: str,
        query: dict[str, str],
        headers: Message,
        body: bytes,
    ) -> Answer:
        """(status, headers, JSON or None) for a request."""
        with self.lock:
            self.requests.append(f"{method} {host}{path}")
            fault = self.faults.answer(method, host + path)
            if fault is not None:
                return fault
            try:
                if host == "login.microsoftonline.com":
                    return self.login(path, body)
                if host.endswith((".azurewebsites.net", ".azurewebsites.us")):
                    answer = self.sites.answer(method, host, path, headers, body)
                    if answer is not None:
                        return answer
                if host == "management.azure.com":
                    if "api-version" not in query:
                        return error(
                            400, "MissingApiVersionParameter", "The api-version query parameter is required."
                        )
                    if not headers.get("Authorization", "").startswith("Bearer "):
                        return error(401, "AuthenticationFailed", "The 'Authorization' header is missing.")
                    return self.management.answer(method, path, query, body) or self.manage(
                        method, path, body
                    )
                if host == "api.loganalytics.io":
                    return self.management.rows(path, body)
                if host.endswith(".blob.core.windows.net") and query.get("comp") == "list":
                    return self.management.blobs(path, query)
            except TemplateError as problem:
                return error(400, problem.code, problem.message)
            except Exception as problem:
                traceback.print_exc()
                return error(500, "InternalServerError", repr(problem))
            finally:
                self.sites.look()
            self.unknown.append(f"{method} {host}{path}")
            return error(404, "NotFound", f"{host}{path} is not answered for")

    def connector(self, host: str, path: str) -> int | None:
        # What is passed on may take its time, and others are answered meanwhile.
        with self.lock:
            return self.sites.connector(host, path)

    def login(self, path: str, body: bytes) -> Answer:
        tenant = path.split("/")[1]
        base = f"https://login.microsoftonline.com/{tenant}"
        if path.endswith("/.well-known/openid-configuration"):
            return (
                200,
                {},
                {
                    "issuer": f"{base}/v2.0",
                    "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{base}/oauth2/v2.0/token",
                    "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                },
            )
        form = dict(urllib.parse.parse_qsl(body.decode()))
        if form.get("client_secret") != SECRET:
            return (
                401,
                {},
                {
                    "error": "invalid_client",
                    "error_description": "AADSTS7000215: Invalid client secret provided.",
                },
            )
        claims = {
            "aud": form.get("scope"),
            "tid": TENANT,
            "oid": "55555555-5555-5555-5555-555555555555",
            "appid": form.get("client_id"),
            "exp": int(time.time()) + 3600,
        }
        part = [
            base64.urlsafe_b64encode(json.dumps(item).encode()).rstrip(b"=").decode()
            for item in ({"alg": "none"}, claims)
        ]
        return (
            200,
            {},
            {
                "token_type": "Bearer",
                "expires_in": 3599,
                "ext_expires_in": 3599,
                "access_token": ".".join([*part, "none"]),
            },
        )

    def manage(self, method: str, path: str, body: bytes) -> Answer:
        parts = [part for part in path.split("/") if part]
        lower = [part.lower() for part in parts]
        resources = self.engine.providers.resources
        subscription = {
            "id": f"/subscriptions/{SUBSCRIPTION}",
            "subscriptionId": SUBSCRIPTION,
            "tenantId": TENANT,
            "displayName": "Loopback",
            "state": "Enabled",
            "authorizationSource": "RoleBased",
        }
        if lower == ["subscriptions"]:
            return 200, {}, {"value": [subscription]}
        if lower[:1] == ["subscriptions"] and len(lower) == 2:
            return 200, {}, subscription
        if lower[2:3] == ["resourcegroups"] and len(lower) == 4:
            return self.group(method, parts[3], body)
        if "microsoft.resources" in lower:
            return self.deployment(method, parts, lower, body)
        if lower[-3:] == ["config", "appsettings", "list"] and method == "POST":
            return 200, {}, {"name": "appsettings", **self.engine.providers.list("/" + "/".join(parts[:-1]))}
        if lower[-2:] == ["config", "appsettings"] and method == "PUT":
            settings = json.loads(body)["properties"]
            self.engine.providers.settings["/" + "/".join(lower[:-2])] = settings
            return 200, {}, {"name": "appsettings", "properties": settings}
        if lower[-3:] == ["host", "default", "listkeys"]:
            return (
                200,
                {},
                {
                    "masterKey": "master",
                    "functionKeys": {"default": self.management.settings["function_key"]},
                    "systemKeys": {},
                },
            )
        if lower[-1] == "functionappstacks":
            runtime = {
                "Sku": [{"skuCode": "FC1"}],
                "isDefault": True,
                "gitHubActionSettings": {"isSupported": False},
                "appInsightsSettings": {"isSupported": True},
            }
            version = {"value": "1.0", "stackSettings": {"linuxRuntimeSettings": runtime}}
            return (
                200,
                {},
                {
                    "value": [
                        {"name": "custom", "properties": {"majorVersions": [{"minorVersions": [version]}]}}
                    ]
                },
            )
        if method == "GET" and path.lower() in resources:
            return 200, {}, {"name": parts[-1], **resources[path.lower()]}
        if lower[-1] in ("web", "slotconfignames", "sourcecontrols") and method == "GET":
            return 200, {}, {"name": parts[-1], "properties": {}}
        self.unknown.append(f"{method} {path}")
        return error(404, "ResourceNotFound", f"The Resource '{path}' was not found.")

    def group(self, method: str, name: str, body: bytes) -> Answer:
        groups = self.engine.groups
        if method == "PUT":
            given = json.loads(body)
            groups[name] = {
                "id": group_path(name),
                "name": name,
                "type": "Microsoft.Resources/resourceGroups",
                "location": given["location"],
                "tags": given.get("tags") or {},
                "properties": {"provisioningState": "Succeeded"},
            }
        known = next((group for key, group in groups.items() if key.lower() == name.lower()), None)
        if known is None:
            return error(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")
        return (204, {}, None) if method == "HEAD" else (200, {}, known)

    def deployed(self, group: str, name: str, outputs: dict[str, Any]) -> None:
        """Remembers a deployment that the tests have made without `az`."""
        shown = {
            "id": f"{group_path(group)}/providers/Microsoft.Resources/deployments/{name}",
            "name": name,
            "type": "Microsoft.Resources/deployments",
        }
        self.deployments[group.lower(), name.lower()] = {
            **shown,
            "properties": succeeded(outputs, self.engine.made),
        }

    def deployment(self, method: str, parts: list[str], lower: list[str], body: bytes) -> Answer:
        """Deployments of a resource group: validate, what-if, create and show."""
        at = lower.index("deployments") if "deployments" in lower else None
        if at is None:
            return error(404, "NotFound", "/".join(parts))
        if len(parts) == at + 1:
            below = "/" + "/".join(lower) + "/"
            nested = [
                {"name": item["id"].rsplit("/", 1)[1], **item}
                for key, item in self.engine.providers.resources.items()
                if key.startswith(below)
            ]
            return (
                200,
                {},
                {
                    "value": [shown for (group, _), shown in self.deployments.items() if group == lower[3]]
                    + nested
                },
            )
        group, name, action = parts[3], parts[at + 1], lower[at + 2 :]
        key = (group.lower(), name.lower())
        base = "/".join(["", *parts[: at + 2]])
        if method == "GET" and action[:1] == ["results"]:
            return 200, {}, self.results[action[1]]
        if method == "GET" and action[:1] == ["operations"] and key in self.deployments:
            return 200, {}, {"value": operations(self.deployments[key])}
        inner = self.engine.providers.resources.get(base.lower())
        if method == "GET" and inner and key not in self.deployments:
            return 200, {}, {"value": []} if action[:1] == ["operations"] else {"name": name, **inner}
        if method == "GET":
            if key not in self.deployments:
                return error(404, "DeploymentNotFound", f"Deployment '{name}' could not be found.")
            return 200, {}, self.deployments[key]
        if action == ["cancel"]:
            if key not in self.deployments:
                return error(404, "DeploymentNotFound", f"Deployment '{name}' could not be found.")
            reason = f"The deployment '{name}' cannot be cancelled because it is in terminal state."
            return error(409, "DeploymentCannotBeCancelled", reason)
        self.engine.group(group)
        given = read(body)
        shown: dict[str, Any] = {
            "id": base,
            "name": name,
            "type": "Microsoft.Resources/deployments",
            "properties": {
                "mode": given["mode"],
                "provisioningState": "Succeeded",
                "timestamp": "2026-11-24T00:00:00Z",
                "duration": "PT1M",
                "correlationId": TENANT,
                "parameters": hidden(given),
                "providers": [],
                "dependencies": [],
            },
        }
        if action == ["validate"]:
            changes = what_if(self.engine, given["template"], given.get("parameters", {}), group, name)
            shown["properties"]["validatedResources"] = [{"id": change["resourceId"]} for change in changes]
            return 200, {}, shown
        if action == ["whatif"]:
            changes = what_if(self.engine, given["template"], given.get("parameters", {}), group, name)
            self.results[name.lower()] = {"status": "Succeeded", "properties": {"changes": changes}}
            return (
                202,
                {
                    "Location": f"https://management.azure.com{base}/results/{name}?api-version=2025-04-01",
                    "Retry-After": "0",
                },
                None,
            )
        location = {
            "Azure-AsyncOperation": f"https://management.azure.com{base}/results/{name}?api-version=2025-04-01",
            "Retry-After": "0",
        }
        try:
            outputs = self.engine.deploy(given["template"], given.get("parameters", {}), group, name)
            shown["properties"].update(succeeded(outputs, self.engine.made))
            self.results[name.lower()] = {"status": "Succeeded"}
        except TemplateError as problem:
            shown["properties"]["provisioningState"] = "Failed"
            shown["properties"]["error"] = {
                "code": "DeploymentFailed",
                "message": "At least one resource deployment operation failed.",
                "details": [{"code": problem.code, "message": problem.message}],
            }
            self.results[name.lower()] = {"status": "Failed", "error": shown["properties"]["error"]}
        self.deployments[key] = shown
        return 201, location, {**shown, "properties": {**shown["properties"], "provisioningState": "Running"}}


def read(body: bytes) -> dict[str, Any]:
    """What `az` sends is not quite JSON: the template follows an unquoted key, as the text of its file."""
    text = re.sub(r"([,{]\s*)template:", r'\1"template":', body.decode(), count=1)
    found: dict[str, Any] = json.loads(text)["properties"]
    return found


def hidden(given: dict[str, Any]) -> dict[str, Any]:
    """The parameters as Azure shows them: without the values of the secure ones."""
    declared = given["template"]["parameters"]
    return {
        name: {"type": "SecureString"}
        if declared[name].get("type", "object").lower() == "securestring"
        else {"type": declared[name].get("type", "object"), "value": item.get("value")}
        for name, item in given.get("parameters", {}).items()
    }


def operations(deployment: dict[str, Any]) -> list[dict[str, Any]]:
    """The one operation that a deployment of this small engine is told of: what failed, or all of it."""
    properties, failed = deployment["properties"], deployment["properties"].get("error")
    operation = {
        "provisioningOperation": "Create",
        "provisioningState": properties["provisioningState"],
        "timestamp": properties["timestamp"],
        "duration": "PT1M",
    }
    operation["targetResource"] = {
        "id": deployment["id"],
        "resourceType": "Microsoft.Resources/deployments",
        "resourceName": "content",
    }
    if failed:
        operation.update({"statusCode": "BadRequest", "statusMessage": {"error": failed["details"][0]}})
        operation["targetResource"] = {
            "id": deployment["id"] + "/x",
            "resourceType": "Microsoft.Loopback/things",
            "resourceName": "x",
        }
    return [{"id": deployment["id"] + "/operations/1", "operationId": "1", "properties": operation}]
