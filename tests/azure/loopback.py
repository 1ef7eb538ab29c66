"""A loopback Azure for the real `az`: a proxy that ends the tunnels of every host name itself. Nothing is forwarded.

    python loopback.py FOLDER [--cloud NAME]

Writes FOLDER/ca.pem, prints the port of 127.0.0.1 as its first line, and runs until standard input ends. Plain requests
to `/state`, `/seed`, `/settings`, `/settling`, `/watchlists`, `/delete`, `/deploy`, `/fault` and `/manage` are for the tests.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import re
import ssl
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from answers import Answer
from certificates import certificates
from expressions import TemplateError
from service import Azure
from sites import forward


class Server(ThreadingHTTPServer):
    """The proxy, with what it answers from."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext, azure: Azure) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.context, self.azure = context, azure


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    host: str | None = None
    server: Server

    def do_CONNECT(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.host = self.path.split(":")[0]
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb", -1), self.connection.makefile("wb", 0)
        self.close_connection = False

    def serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = (
            self.chunks() if self.headers.get("Transfer-Encoding") == "chunked" else self.rfile.read(length)
        )
        url = urllib.parse.urlsplit(self.path)
        # `az` asks for `//` in some paths.
        path = re.sub("/+", "/", urllib.parse.unquote(url.path)).rstrip("/")
        azure = self.server.azure
        if self.host is None:
            status, headers, answer = self.control(azure, path, body)
        else:
            query = dict(urllib.parse.parse_qsl(url.query))
            port = azure.connector(self.host, path)
            if port:
                status, headers, answer = forward(port, self.command, self.path, self.headers, body)
            else:
                status, headers, answer = azure.answer(
                    self.command, self.host, path, query, self.headers, body
                )
        content = (
            answer if isinstance(answer, bytes) else b"" if answer is None else json.dumps(answer).encode()
        )
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            **headers,
            "Content-Length": str(len(content)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = serve

    def chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def control(self, azure: Azure, path: str, body: bytes) -> Answer:
        """For the tests, past the proxy."""
        with azure.lock:
            providers = azure.engine.providers
            answer: dict[str, Any] = {}
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
            if path == "/faults/end":
                azure.faults.planned.clear()
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
                    answer["outputs"] = azure.engine.deploy(
                        given["template"], parameters, given["group"], name
                    )
                    azure.deployed(given["group"], name, answer["outputs"])
                except TemplateError as problem:
                    answer["error"] = problem.message
            azure.sites.look()
            return (
                200,
                {},
                {
                    **answer,
                    "resources": list(providers.resources.values()),
                    "settings": list(providers.settings.values()),
                    "puts": providers.puts,
                    "watchlists": providers.watchlists,
                    "published": azure.sites.published,
                    "environments": azure.sites.environments,
                    "requests": azure.requests,
                    "unknown": azure.unknown,
                },
            )

    def log_message(self, *_: Any) -> None:
        """Silent: standard error is for what goes wrong."""


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("--cloud", default="AzureCloud")
    given = arguments.parse_args()
    server = Server(certificates(given.folder), Azure(given.cloud))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
