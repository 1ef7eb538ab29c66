"""What runs behind a site: the environment that the platform makes of its settings, and who answers in its name."""

from __future__ import annotations

import base64
import http.client
import re
from email.message import Message
from typing import Any

from answers import Answer, error
from providers import Providers

# https://learn.microsoft.com/azure/app-service/app-service-key-vault-references
REFERENCE = re.compile(r"@Microsoft\.KeyVault\(SecretUri=(https://[^/]+/)secrets/([^/)]+)/?([^/)]*)\)")
# Of one connection, and not of what is passed on.
HOPS = {"connection", "content-length", "keep-alive", "proxy-connection", "transfer-encoding"}


class Sites:
    def __init__(self, providers: Providers, settings: dict[str, Any]) -> None:
        self.providers, self.settings = providers, settings
        self.published: list[dict[str, str]] = []
        # By site: the settings of its last start, what they came to, and what became of each reference.
        self.started: dict[str, dict[str, str]] = {}
        self.environments: dict[str, dict[str, str]] = {}
        self.statuses: dict[str, dict[str, str]] = {}

    def look(self) -> None:
        """Fetches what is behind references where a setting has changed, and nowhere else (azure-functions-host#11188)."""
        for site, settings in self.providers.settings.items():
            if self.started.get(site) != settings:
                self.refresh(site)

    def refresh(self, site: str) -> None:
        settings = self.providers.settings.get(site, {})
        found = {name: self.resolve(value) for name, value in settings.items()}
        self.started[site] = dict(settings)
        # A reference that leads nowhere is the value itself.
        self.environments[site] = {
            name: settings[name] if value is None else value for name, (value, _) in found.items()
        }
        self.statuses[site] = {name: status for name, (_, status) in found.items() if status}

    def resolve(self, value: str) -> tuple[str | None, str | None]:
        """(value or None, status or None) of a setting."""
        reference = REFERENCE.fullmatch(value)
        if not reference:
            return value, None
        address, name, version = reference.groups()
        vaults = [
            key
            for key, item in self.providers.resources.items()
            if item["properties"].get("vaultUri") == address
        ]
        if not vaults:
            return None, "VaultNotFound"
        versions = self.providers.secrets.get(f"{vaults[0]}/secrets/{name}".lower())
        if not versions:
            return None, "SecretNotFound"
        known = dict(versions)
        if version:
            return (known[version], "Resolved") if version in known else (None, "SecretVersionNotFound")
        return versions[-1][1], "Resolved"

    def connector(self, host: str, path: str) -> int | None:
        """The port of the connector that answers for a host, once it was published; None where there is none."""
        if self.settings["connector"] and path.startswith("/api/") and self.published:
            known = self.providers.resources.values()
            if any(
                item["type"] == "Microsoft.Web/sites" and item["properties"]["defaultHostName"] == host
                for item in known
            ):
                port: int = self.settings["connector"]
                return port
        return None

    def answer(self, method: str, host: str, path: str, headers: Message, body: bytes) -> Answer | None:
        """The publishing site and the host's administration, for a Function App that was deployed; None for what is unknown."""
        name = host.split(".", maxsplit=1)[0]
        known = [
            item
            for item in self.providers.resources.values()
            if item["type"] == "Microsoft.Web/sites" and item["properties"]["name"] == name
        ]
        if not known:
            return error(404, "NotFound", f"{host} does not exist")
        if path == "/api/publish" and method == "POST":
            if not headers.get("Authorization", "").startswith("Bearer "):
                return error(401, "Unauthorized", "publishing is by Entra ID only")
            self.published.append({"site": name, "zip": base64.b64encode(body).decode()})
            return 202, {}, "0001"
        if path == "/api/deployments/latest" and self.published:
            return (
                200,
                {},
                {
                    "id": "0001",
                    "status": 4,
                    "status_text": "",
                    "complete": True,
                    "active": True,
                    "provisioningState": "Succeeded",
                    "deployer": "az_cli",
                },
            )
        if path == "/api/health" and self.published:
            return 200, {}, self.settings["health"]
        if path == "/admin/host/status":
            return 200, {}, {"id": name, "state": "Running", "version": "4.1052", "errors": []}
        return None


def forward(port: int, method: str, target: str, headers: Message, body: bytes) -> Answer:
    """Passes a request on to a connector of this machine, as the front of App Service does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(
            method, target, body, {name: value for name, value in headers.items() if name.lower() not in HOPS}
        )
        answer = connection.getresponse()
        content = answer.read()
    except (OSError, http.client.HTTPException) as problem:
        return error(502, "BadGateway", repr(problem))
    finally:
        connection.close()
    return (
        answer.status,
        {name.title(): value for name, value in answer.getheaders() if name.lower() not in HOPS},
        content,
    )
