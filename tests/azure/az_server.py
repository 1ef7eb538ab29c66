"""The real `az` without its start: each call runs in a fork of this process, which has imported already what calls need.

A fork begins where the program `az` begins, in `azure.cli.__main__`, with the arguments, the standard input and the streams
of the call. To start Python and import the command's modules takes far longer than the call itself.

Reads calls from standard input, a line each: {"args": [text], "stdin": text or null}; answers each with a line:
{"code": number or null, "stdout": text, "stderr": text}.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import runpy
import sys
import tempfile
from typing import Any

# What the commands of the tests import. A name that a new `az` no longer has only makes its calls slower.
IMPORTED = (
    "azure.cli.core.commands.arm",
    "azure.cli.core.util",
    "azure.cli.command_modules.appservice.custom",
    "azure.cli.command_modules.appservice.commands",
    "azure.cli.command_modules.appservice._params",
    "azure.cli.command_modules.resource.custom",
    "azure.cli.command_modules.resource.commands",
    "azure.cli.command_modules.resource._params",
    "azure.cli.command_modules.storage.operations.blob",
    "azure.cli.command_modules.storage.commands",
    "azure.cli.command_modules.storage._params",
    "azure.cli.command_modules.util.custom",
    "azure.mgmt.resource.deployments",
    "azure.mgmt.web",
    "azure.multiapi.storagev2.blob",
    "msal",
)


def run(call: dict[str, Any]) -> dict[str, Any]:
    """Runs a call to its end."""
    with (
        tempfile.TemporaryFile() as stdin,
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
    ):
        stdin.write((call["stdin"] or "").encode())
        stdin.seek(0)
        child = os.fork()
        if child == 0:
            become(call["args"], [stdin.fileno(), stdout.fileno(), stderr.fileno()])
        _, status = os.waitpid(child, 0)
        texts = []
        for stream in (stdout, stderr):
            stream.seek(0)
            texts.append(stream.read().decode())
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        return {"code": code, "stdout": texts[0], "stderr": texts[1]}


def become(arguments: list[str], streams: list[int]) -> None:
    """Makes this process a run of `az`; does not return."""
    code = 1
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        sys.argv = ["az", *arguments]
        runpy.run_module("azure.cli", run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    for name in IMPORTED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
