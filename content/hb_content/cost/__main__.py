"""Measures what the dashboard's first screen costs on the engine, here and at an earlier commit, in one run.

    target/tools/venv/bin/python -B content hb_content.cost [--rows 10000,100000] [--alone 1000000] [--before 6f61b50]

Every build and number of rows has a process of its own, with one thread. Statements are translated in another one before it,
and no type is asked for at run time that is known beforehand (kql/typed.py), as on Azure. A line for each: processor time of all log
queries of the first screen (parameters and hidden items too), the most memory that one of them took more than was taken
before it, and both as parts of the earlier build's. `--queries` prints each query as well. What this is on Azure is for
LAQueryLogs to say; see sentinel/README.md.
"""

from __future__ import annotations

import argparse
import datetime as dt
import gc
import json
import pathlib
import subprocess
import sys
import tempfile
import time
from typing import Any

from hb_content.cost import rows, screen
from hb_content.cost.statements import Statements
from hb_content.documents.files import ROOT
from hb_content.documents.sources import Sources
from hb_content.kql.engine import Engine
from hb_content.preview.results import WORKBOOK

NOW = dt.datetime(2026, 10, 1, 12)
#: The wish: at most such a part of the earlier build's processor time and memory.
MAX_TIME, MAX_MEMORY = 1 / 5, 1 / 8
#: What a screen costs with so few rows, it costs without any.
REHEARSED = 100


def measure(root: pathlib.Path, count: int) -> list[dict[str, Any]]:
    """A record for each query of the first screen of the build in `root`, over `count` rows."""
    sources = Sources.load(root)
    engine = Engine(sources)
    rows.fill(engine, count, NOW)
    engine.connection.execute("CHECKPOINT")
    statements = Statements(engine, NOW)
    found: list[dict[str, Any]] = []

    def query(kql: str) -> tuple[list[tuple[str, str]], list[tuple[Any, ...]]]:
        sql = statements.sql(kql)
        gc.collect()
        _forget_peak()
        before, began = _resident("VmRSS"), time.process_time()
        cursor = engine.connection.execute(sql)
        columns, listed = [(item[0], str(item[1])) for item in cursor.description], cursor.fetchall()
        used = time.process_time() - began
        found.append(
            {
                "seconds": used,
                "megabytes": (_resident("VmHWM") - before) / 1024,
                "rows": len(listed),
                "text": kql,
            }
        )
        return columns, listed

    screen.ask(sources.workbooks[WORKBOOK], query, NOW)
    return found


def _resident(name: str) -> int:
    """What /proc says of this process, in kB."""
    for line in pathlib.Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise RuntimeError(f"/proc/self/status has no {name}")


def _forget_peak() -> None:
    """Sets the peak of memory to what is taken now: https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html."""
    pathlib.Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _child(root: pathlib.Path, count: int) -> list[dict[str, Any]]:
    # The first one is there for the translations alone, which it keeps.
    for rows_of in (REHEARSED, count):
        command = [sys.executable, "-B", str(ROOT / "content"), "hb_content.cost"]
        command += ["--measure", str(root), "--rows", str(rows_of)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def _archived(commit: str, folder: pathlib.Path) -> pathlib.Path:
    """The folder sentinel/ of a commit, below `folder`."""
    packed = subprocess.run(
        ["git", "archive", commit, "sentinel"], cwd=ROOT, stdout=subprocess.PIPE, check=True
    )
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed.stdout, check=True)
    return folder


def _table(before: pathlib.Path, counts: list[int], alone: list[int], in_full: bool) -> bool:
    """Prints the table; whether the wish is met."""
    holds = True
    print(
        f"{'rows':>9} {'build':8} {'queries':>7} {'seconds':>8} {'MB':>7} {'time':>7} {'memory':>7}",
        flush=True,
    )
    for count in [*counts, *alone]:
        earlier: tuple[float, float] | None = None
        for name, root in (("before", before), ("now", ROOT)):
            if name == "before" and count in alone:
                continue
            found = _child(root, count)
            seconds, megabytes = sum(one["seconds"] for one in found), max(one["megabytes"] for one in found)
            line = f"{count:9} {name:8} {len(found):7} {seconds:8.2f} {megabytes:7.1f}"
            if name == "now" and earlier:
                parts = seconds / earlier[0], megabytes / earlier[1]
                holds = holds and parts[0] <= MAX_TIME and parts[1] <= MAX_MEMORY
                line += "".join(f" {f'1/{1 / part:.1f}':>7}" for part in parts)
            print(line, flush=True)
            for one in found if in_full else []:
                text = " ".join(one["text"].split())[:70]
                print(f"{'':18} {one['rows']:7} {one['seconds']:8.2f} {one['megabytes']:7.1f} {text}")
            earlier = (seconds, megabytes)
    return holds


def main() -> int:
    """Runs the command; 1 when the wish is not met."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rows", default="10000,100000", help="numbers of rows that both builds are measured at"
    )
    parser.add_argument("--alone", default="", help="numbers of rows for this build alone")
    parser.add_argument("--before", default="6f61b50", help="the earlier commit")
    parser.add_argument("--queries", action="store_true", help="print each query too")
    parser.add_argument("--measure", type=pathlib.Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    counts, alone = (
        [int(one) for one in text.split(",") if one] for text in (arguments.rows, arguments.alone)
    )
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, counts[0])))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        return int(
            not _table(_archived(arguments.before, pathlib.Path(folder)), counts, alone, arguments.queries)
        )


sys.exit(main())
