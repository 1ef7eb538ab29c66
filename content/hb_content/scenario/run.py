"""The command of scenarios: `run FILE...` for people; `plan`, `play` and `check` for the test that runs all of them."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from hb_content.documents.files import ROOT
from hb_content.documents.sources import ContentError, Sources
from hb_content.kql.engine import Engine, Row, Run
from hb_content.kql.functions import Functions
from hb_content.kql.functions import check as check_functions
from hb_content.kql.together import Together
from hb_content.scenario import check, feed, scheduler
from hb_content.scenario.model import Scenario, ScenarioError, load
from hb_content.scenario.processes import spread

SCENARIOS = ROOT / "content/scenarios"
#: What plays plans to the connector, unless another program is named.
PROGRAM = ("cargo", "run", "--locked", "--quiet", "--")
#: The exit code for what cannot be done on this machine.
SKIPPED = 77


def make_plans(content: Sources, files: list[pathlib.Path], place: pathlib.Path) -> None:
    """Writes a plan for each scenario; fails with ScenarioError."""
    names = [path.stem for path in files]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise ScenarioError(f"two files are called {', '.join(sorted(doubled))}")
    for path in files:
        plan = feed.plan(load(path.resolve(), content))
        (place / f"{path.stem}.plan").write_text(json.dumps(plan), encoding="utf-8")


@dataclasses.dataclass
class Played:
    """A scenario, the rows that came of it, and the runs of its rules with what they found."""

    scenario: Scenario
    rows: list[Row]
    runs: dict[str, list[Run]]
    found: dict[str, list[list[Row]]] = dataclasses.field(default_factory=dict)


def played(content: Sources, plan_path: pathlib.Path, scenario: Scenario | None = None) -> Played:
    """What came of a plan; fails with ScenarioError or ContentError."""
    plan = json.loads(plan_path.read_text(encoding="utf-8"))
    scenario = scenario or load(pathlib.Path(plan["scenario"]), content)
    rows = feed.rows(scenario, plan["steps"], plan_path.with_suffix(".rows"))
    return Played(scenario, rows, scheduler.runs_of(scenario, content.rules, rows))


def run_rules(content: Sources, functions: Functions, cases: Sequence[Played]) -> None:
    """Runs the rules of all cases, each rule once for all that have a watchlist and once for all that have none."""
    for with_watchlist in (False, True):
        alike = [case for case in cases if (case.scenario.watchlist is not None) == with_watchlist]
        if not alike:
            continue
        together = Together(content, functions, with_watchlist)
        for number, case in enumerate(alike):
            together.add(number, case.rows, case.scenario.watchlist)

        def ask(name: str, together: Together = together, alike: Sequence[Played] = alike) -> None:
            runs = [(number, run) for number, case in enumerate(alike) for run in case.runs.get(name, [])]
            found = iter(together.query_runs(content.rules[name]["query"], runs) if runs else [])
            for case in alike:
                if name in case.runs:
                    case.found[name] = list(itertools.islice(found, len(case.runs[name])))

        with ThreadPoolExecutor(max_workers=2) as pool:
            list(pool.map(ask, content.rules))
        together.close()


def evaluate(content: Sources, functions: Functions, case: Played) -> check.Report:
    """The report of a scenario whose rules have run."""
    began = time.monotonic()
    engine = Engine(content, functions)
    try:
        engine.set_watchlist(case.scenario.watchlist)
        engine.load(case.rows)
        outcome = scheduler.play(case.scenario, engine, case.runs, case.found)
        report = check.check(case.scenario, engine, outcome)
    finally:
        engine.close()
    report.seconds, report.rows = time.monotonic() - began, len(case.rows)
    return report


def failure(name: str, error: Exception) -> str:
    """What is printed of a scenario that could not be checked."""
    if isinstance(error, ScenarioError | ContentError):
        return f"FAIL {name}: {error}"
    # DuckDB's and duckdb-kql's have no common base of their own.
    return f"FAIL {name}: the engine cannot run it: {type(error).__name__}: {str(error)[:3000]}"


def check_all(content: Sources, place: pathlib.Path, in_full: bool) -> bool:
    """Prints a report for every plan in `place`; whether all hold."""
    functions = Functions(content)
    cases: dict[str, Played | str] = {}
    for plan in sorted(place.glob("*.plan")):
        try:
            cases[plan.stem] = played(content, plan)
        except (ScenarioError, ContentError) as error:
            cases[plan.stem] = failure(plan.stem, error)
    run_rules(content, functions, [case for case in cases.values() if isinstance(case, Played)])

    def report(name: str) -> check.Report | str:
        case = cases[name]
        try:
            return case if isinstance(case, str) else evaluate(content, functions, case)
        except Exception as error:
            return failure(name, error)

    # What takes longest begins first.
    names = sorted(cases, key=lambda name: -_effort(cases[name]))
    holds = True
    for found in [found for _, found in sorted(zip(names, spread(report, names), strict=True))]:
        good = not isinstance(found, str) and found.holds
        print(found if isinstance(found, str) else check.shown(found, in_full))
        holds &= good
    return holds


def _effort(case: Played | str) -> int:
    return 0 if isinstance(case, str) else len(case.scenario.queries) + sum(map(any, case.found.values()))


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


def run(content: Sources, files: list[pathlib.Path]) -> bool:
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
        content = Sources.load()
        check_functions(content)
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
