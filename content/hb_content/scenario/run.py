"""The harness's command: `run.py run FILE...` for people, `plan`, `play`, `check` and `selftest` for the test that runs all scenarios."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from typing import Any

from hb_content.documents.files import ROOT
from hb_content.kql.engine import Content, ContentError, Engine, Functions
from hb_content.scenario import check, feed, scheduler
from hb_content.scenario.model import Scenario, ScenarioError, load

SCENARIOS = ROOT / "content/scenarios"
#: What plays plans to the connector, unless another program is named.
PROGRAM = ("cargo", "run", "--locked", "--quiet", "--")
#: The exit code for what cannot be done on this machine.
SKIPPED = 77

#: What the processes that check scenarios share: the content and its parsers.
_SHARED: list[Any] = []


def make_plans(content: Content, files: list[pathlib.Path], place: pathlib.Path) -> None:
    """Writes a plan for each scenario; fails with ScenarioError."""
    names = [path.stem for path in files]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise ScenarioError(f"two files are called {', '.join(sorted(doubled))}")
    for path in files:
        plan = feed.plan(load(path.resolve(), content))
        (place / f"{path.stem}.plan").write_text(json.dumps(plan), encoding="utf-8")


def evaluate(
    content: Content, functions: Functions, plan_path: pathlib.Path, scenario: Scenario | None = None
) -> check.Report:
    """The report of one scenario that was played."""
    began = time.monotonic()
    plan = json.loads(plan_path.read_text(encoding="utf-8"))
    scenario = scenario or load(pathlib.Path(plan["scenario"]), content)
    engine = Engine(content, functions)
    try:
        engine.set_watchlist(scenario.watchlist)
        rows = feed.rows(scenario, plan["steps"], plan_path.with_suffix(".rows"))
        engine.load(rows)
        report = check.check(scenario, engine, scheduler.play(scenario, engine, rows))
    finally:
        engine.close()
    report.seconds, report.rows = time.monotonic() - began, len(rows)
    return report


def _evaluate_one(plan: pathlib.Path) -> check.Report | str:
    try:
        return evaluate(*_SHARED, plan)
    except (ScenarioError, ContentError) as error:
        return f"FAIL {plan.stem}: {error}"
    except Exception as error:  # DuckDB's and duckdb-kql's, which have no common base of their own.
        return f"FAIL {plan.stem}: the engine cannot run it: {type(error).__name__}: {str(error)[:3000]}"


def check_all(content: Content, place: pathlib.Path, in_full: bool) -> bool:
    """Prints a report for every plan in `place`; whether all hold."""
    # Parsing the parsers costs most of a second: children have them by being forked.
    _SHARED[:] = [content, Functions(content)]
    plans = sorted(place.glob("*.plan"), key=lambda path: -path.with_suffix(".rows").stat().st_size)
    with multiprocessing.get_context("fork").Pool(min(os.cpu_count() or 1, len(plans), 4)) as pool:
        found = pool.map(_evaluate_one, plans, chunksize=1)
    holds = True
    for report in sorted(found, key=lambda item: item if isinstance(item, str) else item.scenario.name):
        good = not isinstance(report, str) and report.holds
        print(report if isinstance(report, str) else check.shown(report, in_full))
        holds &= good
    return holds


class ClockError(Exception):
    """The connector cannot be given a clock here."""


def clock(place: pathlib.Path) -> pathlib.Path:
    """What gives the connector a clock of its own, compiled into `place`; fails with ClockError."""
    library = place / "clock.so"
    options = ("-std=gnu99", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o")
    source = pathlib.Path(__file__).resolve().with_name("clock.c")
    if not sys.platform.startswith("linux") or not shutil.which("cc"):
        raise ClockError("the clock needs Linux and a C compiler")
    compiled = subprocess.run(["cc", *options, library, source], capture_output=True, text=True, check=False)
    if compiled.returncode:
        raise ClockError(f"the clock cannot be compiled:\n{compiled.stderr}")
    return library


def play(place: pathlib.Path, program: tuple[str, ...]) -> bool:
    """Plays every plan in `place` to the connector, each into a file of rows beside it; whether all could be."""
    plans = sorted(place.glob("*.plan"))
    if not plans:
        print(f"no plan in {place}", file=sys.stderr)
        return False
    played = subprocess.run([*program, "__feed", "--clock", clock(place), *plans], cwd=ROOT, check=False)
    if played.returncode:
        print("the events could not be played to the connector; the lines above say why", file=sys.stderr)
    return not played.returncode


def run(content: Content, files: list[pathlib.Path]) -> bool:
    """Plans, plays and checks scenario files; prints expected against found."""
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        make_plans(content, files, place)
        if not play(place, PROGRAM):
            return False
        return check_all(content, place, in_full=True)


def main() -> int:
    """Runs the command; 0 when everything is as expected, 1 when not, 2 when a file cannot be used, 77 without a clock."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("run", "plan", "play", "check"))
    parser.add_argument("paths", nargs="*", type=pathlib.Path)
    parser.add_argument(
        "--program", help="the `hb-sentinel` that plays, instead of the one that cargo builds"
    )
    arguments = parser.parse_args()
    try:
        content = Content.load()
        if arguments.command == "run":
            if not arguments.paths:
                raise ScenarioError("which scenario? make scenario FILE=content/scenarios/NAME.yaml")
            return 0 if run(content, arguments.paths) else 1
        place, *files = arguments.paths
        if arguments.command == "plan":
            make_plans(content, files or sorted(SCENARIOS.glob("*.yaml")), place)
            return 0
        if arguments.command == "play":
            return 0 if play(place, (arguments.program,) if arguments.program else PROGRAM) else 1
        return 0 if check_all(content, place, in_full=False) else 1
    except ClockError as error:
        print(error, file=sys.stderr)
        return SKIPPED
    except (ScenarioError, ContentError) as error:
        print(error, file=sys.stderr)
        return 2
