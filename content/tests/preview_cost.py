"""Measures what drawing the preview costs now, against how it was at a commit; both draw the same rows, in the same run.

    target/debug/hb-sentinel demo --events 3000 --until 2026-10-01T12:00:00Z --keep rows --dashboard rows/page.html
    target/tools/venv/bin/python -B content tests.preview_cost rows [COMMIT]

Prints processor time, how many results the page holds, and the ratio. It is no test: times differ between machines.
"""

from __future__ import annotations

import argparse
import io
import json
import pathlib
import resource
import subprocess
import sys
import tarfile
import tempfile

from hb_content.documents.files import ROOT

#: Before each parser was planned once for many choices.
BEFORE = "73d21bf"


def draw(tree: pathlib.Path, rows: pathlib.Path, now: str, page: pathlib.Path) -> tuple[float, int]:
    """Processor time in seconds, and the number of results."""
    command = [sys.executable, "-B", str(tree / "content"), "hb_content.preview", "--now", now]
    command += ["--rows", str(rows / "AISecurityEvents_CL.ndjson"), "--output", str(page)]
    command += ["--watchlist", str(rows / "HumanboundProjects.csv")]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, int(told["results"])


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=pathlib.Path, help="the folder that `hb-sentinel demo --keep` left")
    parser.add_argument("commit", nargs="?", default=BEFORE)
    parser.add_argument("--now", default="2026-10-01T12:00:00Z", help="when the story ends")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        archive = ["git", "-C", str(ROOT), "archive", arguments.commit, "content", "sentinel"]
        packed = subprocess.run(archive, check=True, stdout=subprocess.PIPE).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as tree:
            tree.extractall(place / "before", filter="data")
        times = {}
        for name, root in ((arguments.commit, place / "before"), ("now", ROOT)):
            times[name], results = draw(root, arguments.rows.resolve(), arguments.now, place / "page.html")
            print(f"{name}: {times[name]:.1f} s, {results} results", flush=True)
    print(f"ratio: {times['now'] / times[arguments.commit]:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
