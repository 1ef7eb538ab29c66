"""A loopback Azure for the real `az`: a proxy that ends the tunnels of every host name itself. Nothing is forwarded.

    python loopback.py FOLDER [--cloud NAME]

Writes FOLDER/ca.pem, prints the port of 127.0.0.1 as its first line, and runs until standard input ends. Plain requests
to `/state`, `/seed`, `/settings`, `/settling`, `/watchlists`, `/delete`, `/deploy`, `/fault` and `/manage` are for the tests.
"""

import argparse
import base64
import datetime
import json
import pathlib
import re
import ssl
import sys
import threading
import time
import traceback
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from arm import SUBSCRIPTION, TENANT, Engine, group_path, succeeded, what_if
from expressions import TemplateError
from management import Faults, Management

SECRET = "operator-secret"
HOSTS = [
    "management.azure.com", "login.microsoftonline.com", "*.azurewebsites.net", "*.scm.azurewebsites.net",
    "*.blob.core.windows.net", "*.vault.azure.net", "aka.ms", "graph.microsoft.com",
    "api.loganalytics.io",
]


def certificates(folder):
    """An authority, and one certificate for every host that is answered for."""
    def name(text):
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    def signed(subject, key, issuer, issuer_key, extensions):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = x509.CertificateBuilder(name(issuer), name(subject), key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=1))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(issuer_key, hashes.SHA256())

    def pem(certificate):
        return certificate.public_bytes(serialization.Encoding.PEM)

    authority_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    authority = signed("loopback Azure", authority_key, "loopback Azure", authority_key, [
        (x509.BasicConstraints(ca=True, path_length=0), True), (usage, True),
        (x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), False),
    ])
    leaf = signed("loopback", leaf_key, "loopback Azure", authority_key, [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS]), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), False),
    ])
    (folder / "ca.pem").write_bytes(pem(authority))
    key = leaf_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "leaf.pem").write_bytes(key + pem(leaf))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem")
    return context


class Azure:
    """Everything behind the proxy. One request at a time."""

    def __init__(self, cloud):
        self.engine = Engine(cloud)
        self.management, self.faults = Management(self.engine), Faults()
        self.deployments, self.results, self.published = {}, {}, []
        self.requests, self.unknown = [], []
        self.lock = threading.Lock()

    def answer(self, method, host, path, query, headers, body):
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
                    return self.site(method, host, path, headers, body)
                if host == "management.azure.com":
                    if "api-version" not in query:
                        return error(400, "MissingApiVersionParameter", "The api-version query parameter is required.")
                    if not headers.get("Authorization", "").startswith("Bearer "):
                        return error(401, "AuthenticationFailed", "The 'Authorization' header is missing.")
                    return self.management.answer(method, path, query, body) or self.manage(method, path, body)
                if host == "api.loganalytics.io":
                    return self.management.rows(body)
                if host.endswith(".blob.core.windows.net") and query.get("comp") == "list":
                    return self.management.blobs(path, query)
            except TemplateError as problem:
                return error(400, problem.code, problem.message)
            except Exception as problem:  # noqa: BLE001, whatever it is: a connection that ends is tried again and again
                traceback.print_exc()
                return error(500, "InternalServerError", repr(problem))
            self.unknown.append(f"{method} {host}{path}")
            return error(404, "NotFound", f"{host}{path} is not answered for")

    def login(self, path, body):
        tenant = path.split("/")[1]
        base = f"https://login.microsoftonline.com/{tenant}"
        if path.endswith("/.well-known/openid-configuration"):
            return 200, {}, {
                "issuer": f"{base}/v2.0", "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token", "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            }
        form = dict(urllib.parse.parse_qsl(body.decode()))
        if form.get("client_secret") != SECRET:
            return 401, {}, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}
        claims = {"aud": form.get("scope"), "tid": TENANT, "oid": "55555555-5555-5555-5555-555555555555", "appid": form.get("client_id"), "exp": int(time.time()) + 3600}
        part = [base64.urlsafe_b64encode(json.dumps(item).encode()).rstrip(b"=").decode() for item in ({"alg": "none"}, claims)]
        return 200, {}, {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": ".".join([*part, "none"])}

    def site(self, method, host, path, headers, body):
        """The publishing site and the host's administration, for a Function App that was deployed."""
        name = host.split(".")[0]
        known = [item for item in self.engine.providers.resources.values() if item["type"] == "Microsoft.Web/sites" and item["properties"]["name"] == name]
        if not known:
            return error(404, "NotFound", f"{host} does not exist")
        if path == "/api/publish" and method == "POST":
            if not headers.get("Authorization", "").startswith("Bearer "):
                return error(401, "Unauthorized", "publishing is by Entra ID only")
            self.published.append({"site": name, "zip": base64.b64encode(body).decode()})
            return 202, {}, "0001"
        if path == "/api/deployments/latest" and self.published:
            return 200, {}, {"id": "0001", "status": 4, "status_text": "", "complete": True, "active": True, "provisioningState": "Succeeded", "deployer": "az_cli"}
        if path == "/api/health" and self.published:
            return 200, {}, self.management.settings["health"]
        if path == "/admin/host/status":
            return 200, {}, {"id": name, "state": "Running", "version": "4.1052", "errors": []}
        self.unknown.append(f"{method} {host}{path}")
        return error(404, "NotFound", path)

    def manage(self, method, path, body):
        parts = [part for part in path.split("/") if part]
        lower = [part.lower() for part in parts]
        resources = self.engine.providers.resources
        subscription = {
            "id": f"/subscriptions/{SUBSCRIPTION}", "subscriptionId": SUBSCRIPTION, "tenantId": TENANT,
            "displayName": "Loopback", "state": "Enabled", "authorizationSource": "RoleBased",
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
            return 200, {}, {"masterKey": "master", "functionKeys": {"default": "function"}, "systemKeys": {}}
        if lower[-1] == "functionappstacks":
            runtime = {
                "Sku": [{"skuCode": "FC1"}], "isDefault": True,
                "gitHubActionSettings": {"isSupported": False}, "appInsightsSettings": {"isSupported": True},
            }
            version = {"value": "1.0", "stackSettings": {"linuxRuntimeSettings": runtime}}
            return 200, {}, {"value": [{"name": "custom", "properties": {"majorVersions": [{"minorVersions": [version]}]}}]}
        if method == "GET" and path.lower() in resources:
            return 200, {}, {"name": parts[-1], **resources[path.lower()]}
        if lower[-1] in ("web", "slotconfignames", "sourcecontrols") and method == "GET":
            return 200, {}, {"name": parts[-1], "properties": {}}
        self.unknown.append(f"{method} {path}")
        return error(404, "ResourceNotFound", f"The Resource '{path}' was not found.")

    def group(self, method, name, body):
        groups = self.engine.groups
        if method == "PUT":
            given = json.loads(body)
            groups[name] = {"id": group_path(name), "name": name, "type": "Microsoft.Resources/resourceGroups", "location": given["location"], "tags": given.get("tags") or {}, "properties": {"provisioningState": "Succeeded"}}
        known = next((group for key, group in groups.items() if key.lower() == name.lower()), None)
        if known is None:
            return error(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")
        return (204, {}, None) if method == "HEAD" else (200, {}, known)

    def deployed(self, group, name, outputs):
        """Remembers a deployment that the tests have made without `az`."""
        shown = {"id": f"{group_path(group)}/providers/Microsoft.Resources/deployments/{name}", "name": name, "type": "Microsoft.Resources/deployments"}
        self.deployments[group.lower(), name.lower()] = {**shown, "properties": succeeded(outputs, self.engine.made)}

    def deployment(self, method, parts, lower, body):
        """Deployments of a resource group: validate, what-if, create and show."""
        at = lower.index("deployments") if "deployments" in lower else None
        if at is None:
            return error(404, "NotFound", "/".join(parts))
        if len(parts) == at + 1:
            below = "/" + "/".join(lower) + "/"
            nested = [{"name": item["id"].rsplit("/", 1)[1], **item} for key, item in self.engine.providers.resources.items() if key.startswith(below)]
            return 200, {}, {"value": [shown for (group, _), shown in self.deployments.items() if group == lower[3]] + nested}
        group, name, action = parts[3], parts[at + 1], lower[at + 2 :]
        key = (group.lower(), name.lower())
        base = "/".join(["", *parts[: at + 2]])
        if method == "GET" and action[:1] == ["results"]:
            return 200, {}, self.results[action[1]]
        if method == "GET" and action[:1] == ["operations"] and key in self.deployments:
            return 200, {}, {"value": operations(self.deployments[key])}
        nested = self.engine.providers.resources.get(base.lower())
        if method == "GET" and nested and key not in self.deployments:
            return 200, {}, {"value": []} if action[:1] == ["operations"] else {"name": name, **nested}
        if method == "GET":
            if key not in self.deployments:
                return error(404, "DeploymentNotFound", f"Deployment '{name}' could not be found.")
            return 200, {}, self.deployments[key]
        self.engine.group(group)
        given = read(body)
        shown = {
            "id": base, "name": name, "type": "Microsoft.Resources/deployments",
            "properties": {"mode": given["mode"], "provisioningState": "Succeeded", "timestamp": "2026-11-24T00:00:00Z", "duration": "PT1M", "correlationId": TENANT, "parameters": hidden(given), "providers": [], "dependencies": []},
        }
        if action == ["validate"]:
            changes = what_if(self.engine, given["template"], given.get("parameters", {}), group, name)
            shown["properties"]["validatedResources"] = [{"id": change["resourceId"]} for change in changes]
            return 200, {}, shown
        if action == ["whatif"]:
            changes = what_if(self.engine, given["template"], given.get("parameters", {}), group, name)
            self.results[name.lower()] = {"status": "Succeeded", "properties": {"changes": changes}}
            return 202, {"Location": f"https://management.azure.com{base}/results/{name}?api-version=2025-04-01", "Retry-After": "0"}, None
        location = {"Azure-AsyncOperation": f"https://management.azure.com{base}/results/{name}?api-version=2025-04-01", "Retry-After": "0"}
        try:
            outputs = self.engine.deploy(given["template"], given.get("parameters", {}), group, name)
            shown["properties"].update(succeeded(outputs, self.engine.made))
            self.results[name.lower()] = {"status": "Succeeded"}
        except TemplateError as problem:
            shown["properties"]["provisioningState"] = "Failed"
            shown["properties"]["error"] = {"code": "DeploymentFailed", "message": "At least one resource deployment operation failed.", "details": [{"code": problem.code, "message": problem.message}]}
            self.results[name.lower()] = {"status": "Failed", "error": shown["properties"]["error"]}
        self.deployments[key] = shown
        return 201, location, {**shown, "properties": {**shown["properties"], "provisioningState": "Running"}}


def read(body):
    """What `az` sends is not quite JSON: the template follows an unquoted key, as the text of its file."""
    text = re.sub(r"([,{]\s*)template:", r'\1"template":', body.decode(), count=1)
    return json.loads(text)["properties"]


def hidden(given):
    """The parameters as Azure shows them: without the values of the secure ones."""
    declared = given["template"]["parameters"]
    return {
        name: {"type": "SecureString"} if declared[name].get("type", "object").lower() == "securestring" else {"type": declared[name].get("type", "object"), "value": item.get("value")}
        for name, item in given.get("parameters", {}).items()
    }


def operations(deployment):
    """The one operation that a deployment of this small engine is told of: what failed, or all of it."""
    properties, failed = deployment["properties"], deployment["properties"].get("error")
    operation = {"provisioningOperation": "Create", "provisioningState": properties["provisioningState"], "timestamp": properties["timestamp"], "duration": "PT1M"}
    operation["targetResource"] = {"id": deployment["id"], "resourceType": "Microsoft.Resources/deployments", "resourceName": "content"}
    if failed:
        operation.update({"statusCode": "BadRequest", "statusMessage": {"error": failed["details"][0]}})
        operation["targetResource"] = {"id": deployment["id"] + "/x", "resourceType": "Microsoft.Loopback/things", "resourceName": "x"}
    return [{"id": deployment["id"] + "/operations/1", "operationId": "1", "properties": operation}]


def error(status, code, message):
    return status, {"x-ms-error-code": code}, {"error": {"code": code, "message": message}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    host = None

    def do_CONNECT(self):  # noqa: N802, the base class chose the name
        self.send_response(200)
        self.end_headers()
        self.host = self.path.split(":")[0]
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb", -1), self.connection.makefile("wb", 0)
        self.close_connection = False

    def serve(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.chunks() if self.headers.get("Transfer-Encoding") == "chunked" else self.rfile.read(length)
        url = urllib.parse.urlsplit(self.path)
        # `az` asks for `//` in some paths.
        path = re.sub("/+", "/", urllib.parse.unquote(url.path)).rstrip("/")
        azure = self.server.azure
        if self.host is None:
            status, headers, answer = self.control(azure, path, body)
        else:
            query = dict(urllib.parse.parse_qsl(url.query))
            status, headers, answer = azure.answer(self.command, self.host, path, query, self.headers, body)
        content = answer if isinstance(answer, bytes) else b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = serve

    def chunks(self):
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def control(self, azure, path, body):
        """For the tests, past the proxy."""
        with azure.lock:
            providers = azure.engine.providers
            answer = {}
            if path == "/seed":
                for resource in json.loads(body):
                    providers.resources[resource["id"].lower()] = resource
                    azure.group("PUT", resource["id"].split("/")[4], b'{"location":"northeurope"}')
            if path == "/settings":
                for site in providers.settings:
                    providers.settings[site].update(json.loads(body))
            if path == "/delete":
                for identifier in json.loads(body):
                    providers.delete(identifier)
            if path == "/settling":
                providers.settling.update(json.loads(body))
            if path == "/fault":
                azure.faults.plan(json.loads(body))
            if path == "/manage":
                azure.management.settings.update(json.loads(body))
            if path == "/watchlists":
                providers.watchlists.update(json.loads(body))
            if path == "/deploy":
                given = json.loads(body)
                azure.group("PUT", given["group"], b'{"location":"westeurope"}')
                azure.engine.backwards = given["backwards"]
                parameters = {name: {"value": value} for name, value in given["parameters"].items()}
                try:
                    name = given.get("name", "main")
                    answer["outputs"] = azure.engine.deploy(given["template"], parameters, given["group"], name)
                    azure.deployed(given["group"], name, answer["outputs"])
                except TemplateError as problem:
                    answer["error"] = problem.message
            return 200, {}, {
                **answer, "resources": list(providers.resources.values()), "settings": list(providers.settings.values()), "puts": providers.puts,
                "watchlists": providers.watchlists,
                "published": azure.published, "requests": azure.requests, "unknown": azure.unknown,
            }

    def log_message(self, *_):
        """Silent: standard error is for what goes wrong."""


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("--cloud", default="AzureCloud")
    given = arguments.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.context = certificates(given.folder)
    server.azure = Azure(given.cloud)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
