"""The peer: what a Python function with Microsoft's client would do, as lean as it can be written.

Verifies the signature, uploads the event as one row with azure-monitor-ingestion's asynchronous client, and answers
200 when Azure Monitor has accepted it. Prints its port in its first line. As in a function, every event is a call of
its own.
"""

import asyncio
import hashlib
import hmac
import json
import os

from aiohttp import web
from azure.identity.aio import ManagedIdentityCredential
from azure.monitor.ingestion.aio import LogsIngestionClient

SECRET = os.environ["WEBHOOK_SECRET"].encode()
RULE = os.environ["DCR_IMMUTABLE_ID"]
STREAM = os.environ["DCR_STREAM_NAME"]


def row(event: dict) -> dict:
    """The columns that cost nothing to compute."""
    return {
        "TimeGenerated": "2026-08-03T04:00:00Z",
        "EventType": event["event_type"],
        "Title": event["title"],
        "Description": event["description"],
        "Severity": event["severity"],
        "Data": event["data"],
    }


async def main() -> None:
    credential = ManagedIdentityCredential(client_id=os.environ["HB_IDENTITY_CLIENT_ID"])
    client = LogsIngestionClient(endpoint=os.environ["LOGS_INGESTION_ENDPOINT"], credential=credential)

    async def ingest(request: web.Request) -> web.Response:
        body = await request.read()
        made = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(made, request.headers.get("X-Humanbound-Signature", "")):
            return web.Response(status=401)
        # azure-core sends bearer tokens over https only, unless a call says otherwise.
        await client.upload(RULE, STREAM, [row(json.loads(body))], enforce_https=False)
        return web.json_response({"status": "stored"})

    async def ready(_: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/api/ingest", ingest), web.get("/", ready)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096)
    await site.start()
    print(site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
