"""Checks the finished package with nothing of ours: reads the zip, starts the binary in it, asks it for its health.

Usage: check_dist.py dist/connector.zip
"""

import http.client
import json
import os
import pathlib
import platform
import socket
import stat
import subprocess
import sys
import tempfile
import time
import zipfile
from typing import Any

# The bounds that the project sets itself; the second is the best of several starts, since the machine may be busy.
MAX_BINARY_BYTES = 15_000_000
MAX_START_SECONDS = 0.050
STARTS = 10
GIVE_UP_SECONDS = 10


def check_entries(archive: zipfile.ZipFile) -> Any:
    """The entries that the host looks for, with the modes and stamps that make the zip start and stay the same."""
    host = json.loads(archive.read("host.json"))
    executable = host["customHandler"]["description"]["defaultExecutablePath"]
    functions = []
    for entry in archive.infolist():
        name, mode = entry.filename, entry.external_attr >> 16
        assert entry.create_system == 3, f"{name} is not marked as made on Unix"
        assert stat.S_ISREG(mode), f"{name} is not a regular file"
        want = 0o755 if name == executable else 0o644
        assert stat.S_IMODE(mode) == want, f"{name} has mode {stat.S_IMODE(mode):o}, not {want:o}"
        assert entry.date_time == (1980, 1, 1, 0, 0, 0), f"{name} is stamped {entry.date_time}"
        folder, _, file = name.rpartition("/")
        if file == "function.json":
            assert "/" not in folder, f"{name} is too deep for the host"
            json.loads(archive.read(name))
            functions.append(folder)
    names = archive.namelist()
    assert names == sorted(names), "the entries are not sorted"
    assert set(names) == {
        executable,
        "host.json",
        *(f"{function}/function.json" for function in functions),
    }, names
    size = archive.getinfo(executable).file_size
    assert size < MAX_BINARY_BYTES, f"{executable} has {size:,} bytes, over {MAX_BINARY_BYTES:,}"
    print(f"{executable}: {size:,} bytes; functions: {', '.join(functions)}")
    return executable


def free_port() -> int:
    """A port as the host finds one: bound, read, released."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def start_once(root: pathlib.Path, executable: str) -> float:
    """Starts the binary as the host does and returns the seconds until it answers `GET /`."""
    port = free_port()
    environment = {"FUNCTIONS_CUSTOMHANDLER_PORT": str(port), "PATH": os.environ["PATH"]}
    begin = time.monotonic()
    process = subprocess.Popen(
        [root / executable],
        cwd=root,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output = process.stdout
    assert output, "its output is a pipe"
    try:
        while True:
            assert process.poll() is None, f"it ended with {process.returncode}: {output.read().decode()}"
            assert time.monotonic() - begin < GIVE_UP_SECONDS, "it did not answer"
            try:
                answer(port, "/")
                break
            except ConnectionRefusedError:
                time.sleep(0.001)
        taken = time.monotonic() - begin
        health = json.loads(answer(port, "/api/health"))
        assert health["status"] == "misconfigured", f"without settings, its health is {health}"
        return taken
    finally:
        process.kill()
        process.wait()
        output.close()


def answer(port: int, path: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=GIVE_UP_SECONDS)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        assert response.status == 200, f"GET {path} answered {response.status}"
        return body
    finally:
        connection.close()


def main(path: str) -> None:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None, "an entry is damaged"
        executable = check_entries(archive)
        if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
            print("not started: this is not x86-64 Linux")
            return
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            archive.extractall(root)
            # Python's zipfile leaves the modes out.
            (root / executable).chmod(0o755)
            best = min(start_once(root, executable) for _ in range(STARTS))
    print(f"from process start to the answer of GET /: {best * 1000:.1f} ms, the best of {STARTS}")
    assert best < MAX_START_SECONDS, f"over {MAX_START_SECONDS * 1000:.0f} ms"


if __name__ == "__main__":
    main(*sys.argv[1:])
