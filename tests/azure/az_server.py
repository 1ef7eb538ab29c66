"""The real `az` without its start: each call runs in a fork of this process, which has imported what earlier calls needed.

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


def run(call: dict[str, Any]) -> dict[str, Any]:
    """Runs a call to its end."""
    with (
        tempfile.TemporaryFile() as stdin,
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
        tempfile.TemporaryFile() as imported,
    ):
        stdin.write((call["stdin"] or "").encode())
        stdin.seek(0)
        child = os.fork()
        if child == 0:
            become(call["args"], [stdin.fileno(), stdout.fileno(), stderr.fileno()], imported.fileno())
        _, status = os.waitpid(child, 0)
        texts = []
        for stream in (stdout, stderr):
            stream.seek(0)
            texts.append(stream.read().decode())
        imported.seek(0)
        for name in imported.read().decode().split():
            # A module that cannot be imported on its own only makes later calls slower.
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        return {"code": code, "stdout": texts[0], "stderr": texts[1]}


def become(arguments: list[str], streams: list[int], imported: int) -> None:
    """Makes this process a run of `az`, which tells what it has imported; does not return."""
    code, known = 1, set(sys.modules)
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
        os.write(
            imported,
            "\n".join(name for name in sys.modules if name not in known and "__main__" not in name).encode(),
        )
        os._exit(code)


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
