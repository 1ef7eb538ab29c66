"""Uploads rows with Microsoft's own client and reports what it made of the answers.

Reads one JSON object from stdin: endpoint, rule_id, stream_name, client_id, logs (a list of rows) and,
optionally, as_stream (send the rows as one uncompressed body instead of letting the client split them).
The managed identity is found through IDENTITY_ENDPOINT and IDENTITY_HEADER, as on App Service.
Writes one JSON object to stdout: errors, one per failed chunk.
"""

import io
import json
import sys
from typing import Any

from azure.core.exceptions import HttpResponseError
from azure.identity import ManagedIdentityCredential
from azure.monitor.ingestion import LogsIngestionClient


def main() -> None:
    task = json.load(sys.stdin)
    errors: list[dict[str, Any]] = []

    def note(error: Exception, failed: int) -> None:
        if not isinstance(error, HttpResponseError):
            raise error
        response: Any = error.response
        errors.append(
            {
                "status": error.status_code,
                "code": error.error.code if error.error else None,
                "message": error.error.message if error.error else None,
                "header": response.headers.get("x-ms-error-code"),
                "retry_after": response.headers.get("Retry-After"),
                "failed": failed,
            }
        )

    credential = ManagedIdentityCredential(client_id=task["client_id"])
    # Two status retries keep a throttled run short; the client's default is three.
    client = LogsIngestionClient(endpoint=task["endpoint"], credential=credential, retry_status=2)
    logs = task["logs"]
    # azure-core sends bearer tokens over https only, unless a call says otherwise.
    plain: dict[str, Any] = {"enforce_https": False}
    with client, credential:
        if task.get("as_stream"):
            body = io.BytesIO(json.dumps(logs).encode("utf-8"))
            client.upload(
                task["rule_id"], task["stream_name"], body, content_type="application/json", **plain
            )
        else:
            client.upload(
                task["rule_id"],
                task["stream_name"],
                logs,
                on_error=lambda failure: note(failure.error, len(failure.failed_logs)),
                **plain,
            )
    json.dump({"errors": errors}, sys.stdout)


if __name__ == "__main__":
    main()
