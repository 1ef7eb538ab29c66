"""The real `az` without its start: each call runs in a fork of this process, which has imported what earlier calls needed.

A fork begins where the program `az` begins, in `azure.cli.__main__`, with the arguments, the variables, the standard input
and the streams of the call. To start Python and import the command's modules takes far longer than the call itself. This
process imports and does nothing else, so that a call finds nothing of an earlier one but modules as they are when imported.

Modules of `az` remember the folder of their configuration when they are imported, and each test has a folder of its own. So
they are imported with the name of an open folder, which each fork opens anew: its own.

Reads calls from standard input, a line each: {"args": [text], "env": {name: text}, "stdin": text or null}; answers each with
a line: {"code": number or null, "stdout": text, "stderr": text}.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pathlib
import runpy
import sys
import tempfile
from typing import Any

#: The number of the open folder. Where the system has no names for open folders, nothing is imported beforehand.
FOLDER = 99
NAME = f"/proc/self/fd/{FOLDER}"
IMPORTS = pathlib.Path("/proc/self/fd").is_dir()


def run(call: dict[str, Any]) -> dict[str, Any]:
    """Runs a call to its end."""
    with (
        tempfile.TemporaryFile() as stdin,
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
        tempfile.TemporaryFile("w+") as imported,
    ):
        stdin.write((call["stdin"] or "").encode())
        stdin.seek(0)
        child = os.fork()
        if child == 0:
            become(call, [stdin.fileno(), stdout.fileno(), stderr.fileno()], imported.fileno())
        _, status = os.waitpid(child, 0)
        texts = []
        for stream in (stdout, stderr):
            stream.seek(0)
            texts.append(stream.read().decode())
        imported.seek(0)
        learn(imported.read().split())
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        return {"code": code, "stdout": texts[0], "stderr": texts[1]}


def learn(names: list[str]) -> None:
    """Imports what a call has imported, so that the next need not."""
    for name in names if IMPORTS else ():
        # A module that cannot be imported on its own only makes later calls slower.
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    # Forks need not go over what stays.
    gc.freeze()


def become(call: dict[str, Any], streams: list[int], imported: int) -> None:
    """Makes this process a run of `az`, which tells what it has imported; does not return."""
    code, known = 1, set(sys.modules)
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.environ.update(call["env"])
        if IMPORTS:
            open_folder(os.environ["AZURE_CONFIG_DIR"])
        sys.argv = ["az", *call["args"]]
        runpy.run_module("azure.cli", run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        with open(imported, "w", encoding="utf-8", closefd=False) as told:
            told.writelines(
                f"{name}\n" for name in sys.modules if name not in known and "__main__" not in name
            )
        os._exit(code)


def open_folder(path: str) -> None:
    """Makes this folder, which is made if need be, the one in which `az` looks for its configuration."""
    pathlib.Path(path).mkdir(parents=True, exist_ok=True)
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    os.dup2(folder, FOLDER)
    os.close(folder)
    os.environ["AZURE_CONFIG_DIR"] = NAME


def main() -> None:
    with tempfile.TemporaryDirectory() as nobodys:
        if IMPORTS:
            open_folder(nobodys)
        for line in sys.stdin:
            print(json.dumps(run(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
