"""Holds what was found against what a scenario expects, and prints both."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hb_content.documents.files import ROOT
from hb_content.documents.sources import ContentError
from hb_content.kql.cache import Memo, NotConstantError
from hb_content.kql.engine import Engine, Row
from hb_content.scenario import feed, security_tables
from hb_content.scenario.model import Scenario
from hb_content.scenario.scheduler import Alert, Incident, Outcome, entity_fields, text

Found = TypeVar("Found", Alert, Incident)


@dataclasses.dataclass
class Line:
    """One line of the report."""

    subject: str
    expected: str
    found: str
    problems: list[str]


@dataclasses.dataclass
class Report:
    """What is to be said of one scenario."""

    scenario: Scenario
    lines: list[Line]
    faults: list[str]
    seconds: float = 0.0
    runs: int = 0
    rows: int = 0

    @property
    def holds(self) -> bool:
        """Whether everything is as expected."""
        return not self.faults and not any(line.problems for line in self.lines)


def check(scenario: Scenario, engine: Engine, outcome: Outcome) -> Report:
    """The report of a scenario whose rules were played."""
    report = Report(scenario, [], list(outcome.faults), runs=outcome.runs)
    for name in engine.content.rules:
        wanted = [scenario.names.filled(item) for item in scenario.alerts if item["rule"] == name]
        if name in outcome.alerts:
            report.lines.append(_alerts(name, wanted, outcome.alerts[name]))
        if scenario.incidents is not None and name in outcome.incidents:
            wanted = [scenario.names.filled(item) for item in scenario.incidents if item["rule"] == name]
            if wanted or outcome.incidents[name]:
                report.lines.append(_incidents(name, wanted, outcome.incidents[name]))
    for now, items in itertools.groupby(
        scenario.queries, key=lambda item: scenario.time(item.get("at", "0"))
    ):
        # What Sentinel has made of alerts by then; without any, there are no such tables.
        if scenario.tables or any(outcome.alerts.values()):
            _tell(scenario, engine, outcome, now)
        memo = Memo(engine, now)
        report.lines += [_query(scenario, engine, memo, item) for item in items]
    return report


def _tell(scenario: Scenario, engine: Engine, outcome: Outcome, now: dt.datetime) -> None:
    """Fills the tables of alerts and incidents as they are at `now`."""
    alerts = [alert for found in outcome.alerts.values() for alert in found]
    incidents = [incident for found in outcome.incidents.values() for incident in found]
    security_tables.fill(engine, alerts, incidents, now, scenario.tables)


def _bounds(item: dict[str, Any], key: str = "count") -> tuple[int, int]:
    """How often something is expected: `3`, or `2..5`."""
    least, _, most = str(item.get(key, 1)).partition("..")
    return int(least), int(most or least)


def _count(wanted: Sequence[dict[str, Any]]) -> str:
    least, most = (sum(_bounds(item)[side] for item in wanted) for side in (0, 1))
    return str(least) if least == most else f"{least}..{most}"


def _matched(
    line: Line,
    wanted: list[dict[str, Any]],
    found: Sequence[Found],
    differs: Callable[[dict[str, Any], Found], list[str]],
    title: Callable[[Found], str],
) -> list[Found]:
    """Removes what is expected from what was found and reports what is missing; returns the rest."""
    left = list(found)
    for item in wanted:
        least, most = _bounds(item)
        matching = [one for one in left if not differs(item, one)][:most]
        left = [one for one in left if not any(one is match for match in matching)]
        if (missing := least - len(matching)) > 0:
            line.problems.append(f"missing: {missing} x {_brief(item)}")
            near = min(left, key=lambda one: len(differs(item, one)), default=None)
            if near:
                line.problems += [
                    f"    the nearest, `{title(near)}`: {difference}" for difference in differs(item, near)
                ]
    return left


def _alerts(name: str, wanted: list[dict[str, Any]], found: list[Alert]) -> Line:
    line = Line(name, f"{_count(wanted)} alerts", f"{len(found)} alerts", [])
    left = _matched(line, wanted, found, alert_differs, lambda alert: alert.title)
    line.problems += [f"not expected, at {alert.time:%F %T}: {_shown(alert)}" for alert in left[:5]]
    if len(left) > 5:
        line.problems.append(f"not expected: {len(left) - 5} more")
    return line


def alert_differs(item: dict[str, Any], alert: Alert) -> list[str]:
    """In what an alert is not what `item` expects."""
    differences = _texts(item, alert.title, alert.severity)
    if "description_has" in item and item["description_has"] not in alert.description:
        differences.append(f"the description lacks `{item['description_has']}`: {alert.description}")
    if "tactics" in item and sorted(item["tactics"]) != sorted(alert.tactics):
        differences.append(f"tactics {list(alert.tactics)}, not {item['tactics']}")
    entities = entity_fields(alert)
    for kind, fields in (item.get("entities") or {}).items():
        if not any(
            {key: str(value) for key, value in fields.items()}.items() <= found.items()
            for found in entities.get(kind, [])
        ):
            differences.append(f"entity {kind} {entities.get(kind)}, not {fields}")
    differences += [
        f"has an entity {kind}: {entities[kind]}"
        for kind in item.get("no_entities") or []
        if kind in entities
    ]
    return differences + _details(item, alert)


def _details(item: dict[str, Any], alert: Alert) -> list[str]:
    details = dict(alert.details)
    wanted = (item.get("details") or {}).items()
    differences = [
        f"{key} is `{details.get(key, '')}`, not `{value}`"
        for key, value in wanted
        if details.get(key, "") != text(value)
    ]
    return differences + [
        f"{key} is there: `{details[key]}`" for key in item.get("no_details") or [] if key in details
    ]


def _texts(item: dict[str, Any], title: str, severity: str) -> list[str]:
    differences = []
    if "title" in item and item["title"] != title:
        differences.append(f"the title is `{title}`, not `{item['title']}`")
    if "title_has" in item and item["title_has"] not in title:
        differences.append(f"the title `{title}` lacks `{item['title_has']}`")
    if "severity" in item and item["severity"] != severity:
        differences.append(f"severity {severity}, not {item['severity']}")
    return differences


def _incidents(name: str, wanted: list[dict[str, Any]], found: list[Incident]) -> Line:
    line = Line(name, f"{_count(wanted)} incidents", f"{len(found)} incidents", [])
    left = _matched(line, wanted, found, _incident_differs, lambda incident: incident.alerts[0].title)
    line.problems += [
        f"not expected: {len(incident.alerts)} alerts, first {_shown(incident.alerts[0])}"
        for incident in left[:5]
    ]
    return line


def _incident_differs(item: dict[str, Any], incident: Incident) -> list[str]:
    differences = _texts(item, incident.alerts[0].title, incident.severity) + _details(
        item, incident.alerts[0]
    )
    least, most = _bounds(item, "alerts")
    if "alerts" in item and not least <= len(incident.alerts) <= most:
        differences.append(f"{len(incident.alerts)} alerts, not {item['alerts']}")
    if "closed" in item and item["closed"] != incident.closed:
        differences.append("is closed" if incident.closed else "is open")
    return differences


def _query(scenario: Scenario, engine: Engine, memo: Memo, item: dict[str, Any]) -> Line:
    kql, subject = _kql(scenario, engine, item)
    now = scenario.time(item.get("at", "0"))
    wanted = [scenario.names.filled(row) for row in item["expect"]]
    at_least = item.get("at_least", False)
    line = Line(subject, f"{'at least ' if at_least else ''}{len(wanted)} rows", "", [])
    try:
        left = _rows(engine, memo, kql, now)
    except Exception as error:  # The engine has many; each means that this text does not run.
        line.found = "an error"
        line.problems.append(f"does not run: {type(error).__name__}: {str(error)[:2000]}")
        return line
    line.found = f"{len(left)} rows"
    for row in wanted:
        match = next((found for found in left if not _row_differs(scenario, row, found)), None)
        if match is not None:
            left.remove(match)
            continue
        line.problems.append(f"missing: {row}")
        near = min(left, key=lambda found: len(_row_differs(scenario, row, found)), default=None)
        if near:
            line.problems += [
                f"    the nearest row: {difference}" for difference in _row_differs(scenario, row, near)
            ]
    if not at_least:
        columns = list(dict.fromkeys(key for row in wanted for key in row))
        line.problems += [
            f"not expected: { {key: text(row.get(key)) for key in columns or list(row)[:6]} }"
            for row in left[:5]
        ]
        line.problems += [f"not expected: {len(left) - 5} rows more"] if len(left) > 5 else []
    return line


def _rows(engine: Engine, memo: Memo, kql: str, now: dt.datetime) -> list[Row]:
    """The rows of a text, its calls executed once for all queries of a time where that can be done."""
    try:
        return memo.rows(kql)
    except NotConstantError:
        return engine.query(kql, now)


def _kql(scenario: Scenario, engine: Engine, item: dict[str, Any]) -> tuple[str, str]:
    if "hunt" in item:
        kql = engine.content.hunts[item["hunt"]]["query"]
        for name, value in (item.get("set") or {}).items():
            lines = kql.splitlines()
            at = next((at for at, line in enumerate(lines) if line.startswith(f"let {name} =")), None)
            if at is None:
                raise ContentError(f"{item['hunt']}: no line begins with `let {name} =`")
            lines[at] = f"let {name} = {scenario.names.filled(value)};"
            kql = "\n".join(lines)
        return kql, item["hunt"]
    if "parser" in item:
        call = scenario.names.filled(str(item["parser"]))
        call = call if "(" in call else f"{call}()"
        return call, str(item["parser"])
    return scenario.names.filled(item["kql"]), " ".join(str(item["kql"]).split())[:60]


def _row_differs(scenario: Scenario, wanted: Row, found: Row) -> list[str]:
    differences = []
    for column, value in wanted.items():
        if column not in found:
            differences.append(f"there is no column {column}; there are {', '.join(found)}")
        elif not _equal(scenario, value, found[column]):
            differences.append(f"{column} is `{text(found[column])}`, not `{text(value)}`")
    return differences


def _equal(scenario: Scenario, wanted: Any, found: Any) -> bool:
    if wanted is None or wanted == "":
        return found is None or found == ""
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    if isinstance(found, dt.datetime):
        try:
            return abs(scenario.time(wanted) - found) < dt.timedelta(seconds=1)
        except ValueError:
            return False
    if isinstance(found, int | float) and isinstance(wanted, int | float):
        return abs(found - wanted) <= 0.005 + 1e-9 * abs(wanted)
    return text(found) == text(wanted) or found == wanted


def _brief(item: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in item.items() if key not in ("rule", "count")) or "any"


def _shown(alert: Alert) -> str:
    return f"{alert.severity} `{alert.title}` {dict(alert.details)}"


def _place(scenario: Scenario) -> str:
    path = scenario.path
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def shown(report: Report, in_full: bool) -> str:
    """The report as text; in full, or one line when all is as expected."""
    scenario = report.scenario
    head = f"{'ok  ' if report.holds else 'FAIL'} {scenario.name}: {scenario.about}"
    numbers = f"{report.rows} rows, {report.runs} runs of rules, {report.seconds:.1f} s"
    if report.holds and not in_full:
        return f"{head} ({numbers})"
    width = max([len(line.subject) for line in report.lines] + [4])
    out = [
        head,
        f"     {_place(scenario)}",
        f"     {numbers}",
        f"     {'what':<{width}}  {'expected':<16}  {'found':<14}  verdict",
    ]
    for line in report.lines:
        verdict = "differs" if line.problems else "ok"
        out.append(f"     {line.subject:<{width}}  {line.expected:<16}  {line.found:<14}  {verdict}")
        out += [f"       {problem}" for problem in line.problems]
    out += [f"     fault: {fault}" for fault in report.faults]
    # Making the plan again is what names every id.
    feed.plan(scenario)
    return scenario.names.shown("\n".join(out))
