"""Proof that the harness can fail: content and expectations that are broken on purpose, over scenarios that were played.

    target/tools/venv/bin/python -B content tests.scenario_cases PLACE

PLACE holds the plans of all scenarios and the rows that came of them.
"""

from __future__ import annotations

import copy
import dataclasses
import pathlib
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from hb_content.documents.sources import ContentError, Sources
from hb_content.kql import functions as kql_functions
from hb_content.kql.functions import Functions
from hb_content.scenario import check
from hb_content.scenario.model import Scenario, ScenarioError, load
from hb_content.scenario.processes import spread
from hb_content.scenario.run import SCENARIOS, evaluate, make_plans, played, run_rules

_WINDOW = (
    "| where FirstIngested >= now() - {} and FirstIngested < now() - {} | where FindingSeverity == 'critical'"
)
_ALERT = """
| extend AlertTitle = FindingTitle, AlertDescription = Description, AlertSeverity = "High", AlertTactics = "Execution", Project = ProjectId,
    HumanboundRule = "critical-finding", FindingHash = substring(hash_sha256(FindingKey), 0, 16), RollupFrom = datetime(null), RollupTo = datetime(null), AccountName = "", AccountUpnSuffix = ""
"""
_ONCE = 'HumanboundEvents(datetime(null), datetime(null), dynamic(["finding.created"]))'


@dataclasses.dataclass(frozen=True)
class Case:
    """One way to break something, and a word of what the report must say then."""

    name: str
    scenario: str
    rule: str
    says: str
    query: str | None = None
    change: Callable[[dict[str, Any], Scenario], None] | None = None


def _set(*path: str, to: Any) -> Callable[[dict[str, Any], Scenario], None]:
    def change(rule: dict[str, Any], _: Scenario) -> None:
        for key in path[:-1]:
            rule = rule[key]
        rule[path[-1]] = to

    return change


def _expect(**values: Any) -> Callable[[dict[str, Any], Scenario], None]:
    def change(_: dict[str, Any], scenario: Scenario) -> None:
        scenario.alerts[0] |= values

    return change


def _expect_nothing(_: dict[str, Any], scenario: Scenario) -> None:
    scenario.alerts.clear()


def _ask_wrong(_: dict[str, Any], scenario: Scenario) -> None:
    scenario.queries = [
        {"kql": "HumanboundEvents | project EventType", "expect": [{"EventType": "finding.fixed"}]}
    ]


_GROUPING = ("incidentConfiguration", "groupingConfiguration")
CASES = (
    Case("a title that no alert has", "critical-finding", "CriticalFinding", "missing: 1 x", change=_expect(title="Nonsense")),
    Case("a severity that no alert has", "critical-finding", "CriticalFinding", "severity High, not Low", change=_expect(severity="Low")),
    Case("a detail that no alert has", "critical-finding", "CriticalFinding", "OwaspId is `LLM01`", change=_expect(details={"OwaspId": "LLM09"})),
    Case("an alert too many", "critical-finding", "CriticalFinding", "not expected", change=_expect_nothing),
    Case("a row that is not there", "critical-finding", "CriticalFinding", "the nearest row: EventType", change=_ask_wrong),
    Case(
        "a window that is filtered before repeats are removed",
        "repeats",
        "CriticalFinding",
        "not expected",
        query="AISecurityEvents_CL | where EventType == 'finding.created' | extend FirstIngested = ingestion_time() "
        + _WINDOW.format("15m", "10m")
        + " | summarize arg_min(ReceivedTime, *) by EventId | extend OwaspName = '', AtlasTechnique = ''"
        + _ALERT,
    ),
    Case(
        "a window that is right under one reading of now() only",
        "latency",
        "CriticalFinding",
        "is raised only when now() is 5 minutes before the run",
        query=_ONCE + _WINDOW.format("5m", "0m") + _ALERT,
    ),
    Case(
        "a window over when it happened, which is never what is late",
        "late",
        "CriticalFinding",
        "missing",
        query=_ONCE + _WINDOW.format("15m", "10m").replace("FirstIngested", "EventTime") + _ALERT,
    ),
    Case("no age limit", "replay-old-stamps", "CriticalFinding", "not expected", query=_ONCE + _WINDOW.format("15m", "10m") + _ALERT),
    Case("grouping by project alone", "incidents", "Regression", "missing", change=_set(*_GROUPING, "groupByCustomDetails", to=["FindingHash"])),
    Case("a closed incident that is opened again", "incidents", "Regression", "missing", change=_set(*_GROUPING, "reopenClosedIncident", to=True)),
    Case("a grouping that ends early", "incidents", "Regression", "missing", change=_set(*_GROUPING, "lookbackDuration", to="5h")),
    Case("a threshold that is not passed", "critical-finding", "CriticalFinding", "missing", change=_set("triggerThreshold", to=5)),
    Case(
        "a placeholder without a column",
        "critical-finding",
        "CriticalFinding",
        "has no column `Nope`",
        change=_set("alertDetailsOverride", "alertDisplayNameFormat", to="{{Nope}}"),
    ),
    Case("KQL that does not run", "critical-finding", "CriticalFinding", "unsupported", query="HumanboundEvents | make-series count() on EventTime step 1h"),
)  # fmt: skip

#: Scenario texts that must be rejected, and a word of why.
REJECTED = (
    ("about: x\nnow: 2026-10-01\nalert: []", "unknown key `alert`; did you mean `alerts`?"),
    ("about: x\nnow: 2026-10-01\nalerts: [{rule: CriticalFindings}]", "did you mean `CriticalFinding`?"),
    (
        "about: x\nnow: 2026-10-01\nalerts: [{rule: CriticalFinding, titel: x}]",
        "alerts[0].titel: unknown key",
    ),
    (
        "about: x\nnow: 2026-10-01\nalerts: [{rule: CriticalFinding, details: {Nope: x}}]",
        "unknown custom detail `Nope`",
    ),
    ("about: x\nnow: 2026-10-01\nalerts: [{rule: FeedAndCoverage}]", "off by default"),
    ("about: x\nnow: 2026-10-01\nevents: [{type: finding.created, t: soon}]", "events[0].t: "),
    ("about: x\nnow: 2026-10-01\nevents: [{type: finding.make}]", "there is no template"),
    ("about: x\nnow: 2026-10-01\nqueries: [{hunt: Nope, expect: []}]", "unknown hunt `Nope`"),
    ("now: 2026-10-01", "needs `about`"),
    ("about: [", "cannot be read"),
)


def run(content: Sources, place: pathlib.Path) -> list[str]:
    """What of the broken things went unnoticed."""
    functions = Functions(content)

    def unnoticed_in(case: Case) -> str:
        said = _said(case, content, functions, place)
        return "" if case.says in said else f"{case.name}: the report does not say `{case.says}`:\n{said}"

    unnoticed = [text for text in spread(unnoticed_in, CASES) if text]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "rejected.yaml"
        for text, why in REJECTED:
            path.write_text(text, encoding="utf-8")
            try:
                make_plans(content, [path], pathlib.Path(folder))
                said = "nothing"
            except ScenarioError as error:
                said = str(error)
            if why not in said or (said != "nothing" and str(path) not in said):
                unnoticed.append(f"a scenario was to be rejected with `{why}`, and the harness said: {said}")
    twice = dataclasses.replace(
        content, hunts=content.hunts | {"Twice": {"query": "T | where ingestion_time() > ago(1h)"}}
    )
    try:
        kql_functions.check(twice)
        unnoticed.append("ingestion_time() in two places")
    except ContentError:
        pass
    return unnoticed


def _said(case: Case, content: Sources, functions: Functions, place: pathlib.Path) -> str:
    rule = copy.deepcopy(content.rules[case.rule])
    plan = place / f"{case.scenario}.plan"
    scenario = load(SCENARIOS / f"{case.scenario}.yaml", content)
    scenario.queries = []
    scenario.alerts = [item for item in scenario.alerts if item["rule"] == case.rule]
    scenario.incidents = [item for item in scenario.incidents or [] if item["rule"] == case.rule]
    if case.query:
        rule["query"] = case.query.replace(
            "extend FirstIngested = ingestion_time()", "extend FirstIngested = _IngestionTime"
        )
        # The titles are another matter here.
        for item in scenario.alerts:
            item.pop("title_has", None)
    if case.change:
        case.change(rule, scenario)
    only = dataclasses.replace(content, rules={case.rule: rule})
    try:
        broken = played(only, plan, scenario)
        run_rules(only, functions, [broken])
        report = evaluate(only, functions, broken)
    except Exception as error:  # Whatever stops a run is a report too.
        return f"{type(error).__name__}: {error}"
    return check.shown(report, in_full=True) if not report.holds else "everything is as expected"


def main() -> int:
    """The command."""
    unnoticed = run(Sources.load(), pathlib.Path(sys.argv[1]))
    print("\n".join(unnoticed) or f"{len(CASES) + len(REJECTED) + 1} broken things were noticed")
    return int(bool(unnoticed))


if __name__ == "__main__":
    sys.exit(main())
