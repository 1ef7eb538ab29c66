"""Plays Microsoft Sentinel: when a rule runs, what it sees, the alerts it makes of rows, and incidents of alerts."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from hb_content.documents.sources import ContentError
from hb_content.kql.engine import Engine, Row, Run
from hb_content.kql.functions import INGESTED
from hb_content.kql.together import differs_alone
from hb_content.scenario.model import Scenario, span

#: A scheduled rule looks at what is this old, to let rows arrive.
DELAY = dt.timedelta(minutes=5)
#: Runs are played at every point of a rule's grid for so long after each ingestion, and then hourly for so long after the last.
DENSE, SPARSE = dt.timedelta(hours=1), dt.timedelta(hours=48)
#: One run makes at most so many alerts; the last of them stands for the rest.
MOST_ALERTS = 150
#: An incident holds at most so many alerts.
MOST_IN_INCIDENT = 150
#: What the custom details of one alert may hold together, in bytes; Sentinel drops the rest.
MOST_DETAILS = 2048
#: What a title and a description may hold, in bytes; what Sentinel does with more is not documented.
MOST_TITLE, MOST_DESCRIPTION = 256, 5000

SEVERITIES = ("Informational", "Low", "Medium", "High")
TACTICS = (
    "Reconnaissance", "ResourceDevelopment", "InitialAccess", "Execution", "Persistence", "PrivilegeEscalation", "DefenseEvasion",
    "CredentialAccess", "Discovery", "LateralMovement", "Collection", "CommandAndControl", "Exfiltration", "Impact", "PreAttack",
    "ImpairProcessControl", "InhibitResponseFunction",
)  # fmt: skip
_OPERATORS: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda found, limit: found > limit,
    "lt": lambda found, limit: found < limit,
    "eq": lambda found, limit: found == limit,
    "ne": lambda found, limit: found != limit,
}
_LONG = {"GreaterThan": "gt", "LessThan": "lt", "Equal": "eq", "NotEqual": "ne"}


@dataclasses.dataclass(frozen=True)
class Alert:
    """An alert as Sentinel would show it."""

    rule: str
    time: dt.datetime
    title: str
    description: str
    severity: str
    tactics: tuple[str, ...]
    entities: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    details: tuple[tuple[str, str], ...]

    def same(self) -> tuple[Any, ...]:
        """What it is about. Its texts may differ by when it is raised: a project's name may have come in between."""
        return self.rule, self.severity, self.details


@dataclasses.dataclass(frozen=True)
class Change:
    """What an analyst does to an incident: it is `New`, `Active` or `Closed` from then on."""

    time: dt.datetime
    status: str
    owner: str = ""
    classification: str = ""


@dataclasses.dataclass
class Incident:
    """An incident: named and rated after its first alert."""

    rule: str
    key: tuple[str, ...]
    created: dt.datetime
    alerts: list[Alert]
    changes: list[Change] = dataclasses.field(default_factory=list)

    @property
    def closed(self) -> bool:
        """Whether the last change closed it."""
        return bool(self.changes) and self.changes[-1].status == "Closed"

    @property
    def severity(self) -> str:
        """The highest of its alerts."""
        return max((alert.severity for alert in self.alerts), key=SEVERITIES.index)


@dataclasses.dataclass
class Outcome:
    """What the rules made of a scenario, and what no rule may do."""

    alerts: dict[str, list[Alert]]
    incidents: dict[str, list[Incident]]
    faults: list[str]
    runs: int


def runs_of(
    scenario: Scenario, rules: Mapping[str, dict[str, Any]], rows: Sequence[Row]
) -> dict[str, list[Run]]:
    """The runs of every rule that is on: first all of them with now() as it is, then all with the other reading."""
    # The connector's own rows come all day long, and what they change, they change for hours.
    times = sorted({row[INGESTED] for row in rows if row["EventFamily"] != "connector"})
    runs = {}
    for name, rule in rules.items():
        if rule.get("enabled", True) or name in scenario.also:
            walls = grid(scenario, rule, times)
            period = span(rule["queryPeriod"])
            # The documentation does not say whether now() is shifted with the range, so it must not matter.
            runs[name] = [
                Run(wall - shift, wall - DELAY - period, wall - DELAY, wall)
                for shift in (dt.timedelta(), DELAY)
                for wall in walls
            ]
    return runs


def play(
    scenario: Scenario, engine: Engine, runs: Mapping[str, list[Run]], found: Mapping[str, list[list[Row]]]
) -> Outcome:
    """What comes of the runs of rules that found these rows."""
    outcome = Outcome({}, {}, [], 0)
    for name, runs_of_rule in runs.items():
        rule, middle = engine.content.rules[name], len(runs_of_rule) // 2
        outcome.runs += len(runs_of_rule)
        outcome.faults += [
            f"{name}: {difference}"
            for difference in differs_alone(engine, rule["query"], runs_of_rule, found[name])
        ]
        pairs = list(zip(runs_of_rule, found[name], strict=True))
        alerts = alerts_of(name, rule, pairs[:middle], outcome.faults)
        shifted = alerts_of(name, rule, pairs[middle:], outcome.faults)
        _compare(name, alerts, shifted, outcome.faults)
        outcome.alerts[name] = alerts
        outcome.incidents[name] = group(rule, alerts, _changes(scenario, name))
    return outcome


def grid(scenario: Scenario, rule: dict[str, Any], ingested: Sequence[dt.datetime]) -> list[dt.datetime]:
    """The times at which a rule is run: its own grid, whose start nobody chooses."""
    every = span(rule["queryFrequency"])
    first = ingested[0] if ingested else scenario.now
    last = ingested[-1] if ingested else scenario.now
    on = scenario.rules_since or first - dt.timedelta(minutes=30)
    until = scenario.rules_until or last + SPARSE
    drawn = int.from_bytes(hashlib.sha256(f"{scenario.seed} {rule['id']}".encode()).digest()[:4])
    wall = on + dt.timedelta(seconds=drawn % int(every.total_seconds()))
    walls, at, hour = [], 0, wall
    # An hour after being switched on counts like an ingestion: there must be runs over nothing too.
    marks = sorted([on, *(time for time in ingested if time >= on - DENSE)])
    while wall <= until:
        while at + 1 < len(marks) and marks[at + 1] < wall:
            at += 1
        if wall - marks[at] <= DENSE + every or wall >= hour:
            walls.append(wall)
            hour = wall + dt.timedelta(hours=1)
        wall += every
    return walls


def alerts_of(
    name: str, rule: dict[str, Any], found: Iterable[tuple[Run, list[Row]]], faults: list[str]
) -> list[Alert]:
    """The alerts of a rule's runs, each with the rows that it found."""
    operator = rule.get("triggerOperator", "gt")
    passes = _OPERATORS[_LONG.get(operator, operator)]
    alerts = []
    for run, rows in found:
        if not passes(len(rows), int(rule.get("triggerThreshold", 0))):
            continue
        if (rule.get("eventGroupingSettings") or {}).get("aggregationKind") != "AlertPerResult":
            rows = rows[:1]
        if len(rows) > MOST_ALERTS:
            faults.append(
                f"{name}: {len(rows)} rows in the run at {run.wall}; Sentinel makes {MOST_ALERTS} alerts of a run at most"
            )
            rows = rows[:MOST_ALERTS]
        alerts += [alert_of(name, rule, row, run.wall, faults) for row in rows]
    return alerts


def alert_of(name: str, rule: dict[str, Any], row: Row, wall: dt.datetime, faults: list[str]) -> Alert:
    """The alert of one row, overridden as the rule says."""
    override = rule.get("alertDetailsOverride") or {}

    def column(of: str) -> str:
        if of not in row:
            raise ContentError(f"{name}: the result has no column `{of}`; it has {', '.join(row)}")
        return text(row[of])

    def filled(form: str | None, default: str, limit: int) -> str:
        found = re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda match: column(match[1]), form or "")
        if (size := len(found.encode())) > limit:
            faults.append(f"{name}: a text of {size} bytes where Sentinel shows {limit}: {found[:60]}...")
        return found or default

    severity = rule["severity"]
    if "alertSeverityColumnName" in override:
        said = column(override["alertSeverityColumnName"])
        severity = next((known for known in SEVERITIES if known.lower() == said.lower()), severity)
        if said != severity:
            faults.append(f"{name}: `{said}` is no severity of Sentinel")
    tactics = tuple(rule.get("tactics") or [])
    if "alertTacticsColumnName" in override:
        said_tactics = _listed(row.get(override["alertTacticsColumnName"]))
        column(override["alertTacticsColumnName"])
        if unknown := [tactic for tactic in said_tactics if tactic not in TACTICS]:
            faults.append(f"{name}: no tactic of Sentinel: {', '.join(unknown)}")
        tactics = tuple(said_tactics) or tactics
    entities = []
    for mapping in rule.get("entityMappings") or []:
        fields = [(item["identifier"], column(item["columnName"])) for item in mapping["fieldMappings"]]
        if present := tuple((identifier, value) for identifier, value in fields if value):
            entities.append((mapping["entityType"], present))
    details = tuple(
        (key, value) for key, of in (rule.get("customDetails") or {}).items() if (value := column(of))
    )
    # Names, values and the JSON around them all count.
    size = len(json.dumps({key: [value] for key, value in details}, ensure_ascii=False).encode())
    if size > MOST_DETAILS:
        faults.append(f"{name}: {size} bytes of custom details; Sentinel keeps {MOST_DETAILS}")
    return Alert(
        rule=name,
        time=wall,
        title=filled(override.get("alertDisplayNameFormat"), rule["name"], MOST_TITLE),
        description=filled(
            override.get("alertDescriptionFormat"), str(rule.get("description", "")).strip(), MOST_DESCRIPTION
        ),
        severity=severity,
        tactics=tactics,
        entities=tuple(entities),
        details=details,
    )


def text(value: Any) -> str:
    """A value as an alert shows it."""
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return value.isoformat() + "Z"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | dict):
        return json.dumps(value)
    return str(value)


def _listed(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(item) for item in value]
    said = text(value)
    if said.startswith("["):
        return [str(item) for item in json.loads(said)]
    return [item.strip() for item in said.split(",") if item.strip()]


def _compare(name: str, alerts: list[Alert], shifted: list[Alert], faults: list[str]) -> None:
    """A fault for every alert that only one reading of now() raises."""
    for one, other, reading in (
        (alerts, shifted, "the time of the run"),
        (shifted, alerts, "5 minutes before the run"),
    ):
        left = [alert.same() for alert in other]
        for alert in one:
            if alert.same() in left:
                left.remove(alert.same())
            else:
                faults.append(
                    f"{name}: `{alert.title}` is raised only when now() is {reading}, at {alert.time}"
                )


def _changes(scenario: Scenario, name: str) -> list[tuple[Change, dict[str, str]]]:
    found = []
    for step in scenario.steps:
        if step["do"] in ("take", "close") and step.get("rule", name) == name:
            status, classification = ("Closed", "TruePositive") if step["do"] == "close" else ("Active", "")
            change = Change(scenario.time(step["t"]), status, str(step.get("owner", "")), classification)
            found.append((change, scenario.names.filled(step.get("details") or {})))
    return found


def group(
    rule: dict[str, Any], alerts: Sequence[Alert], changes: Sequence[tuple[Change, dict[str, str]]]
) -> list[Incident]:
    """The incidents of a rule's alerts, in the order of time; `changes` happen to those that are open and match."""
    configuration = rule.get("incidentConfiguration") or {}
    if not configuration.get("createIncident", True):
        return []
    grouping = configuration.get("groupingConfiguration") or {}
    incidents: list[Incident] = []
    acts: list[tuple[dt.datetime, int, Any]] = [(alert.time, 1, alert) for alert in alerts]
    acts += [(change.time, 0, (change, details)) for change, details in changes]
    for time, kind, what in sorted(acts, key=lambda act: act[:2]):
        if kind == 0:
            change, details = what
            for incident in incidents:
                if not incident.closed and details.items() <= dict(incident.alerts[0].details).items():
                    incident.changes.append(change)
            continue
        key = _key(grouping, what)
        home = None if key is None else _home(grouping, incidents, key, time)
        if home:
            if home.closed:
                home.changes.append(Change(time, "Active"))
            home.alerts.append(what)
        else:
            incidents.append(Incident(what.rule, key or (), time, [what]))
    return incidents


def _key(grouping: dict[str, Any], alert: Alert) -> tuple[str, ...] | None:
    if not grouping.get("enabled", False):
        return None
    method = grouping.get("matchingMethod", "AllEntities")
    if method == "AnyAlert":
        return ()
    if method == "AllEntities":
        return tuple(sorted(map(str, alert.entities)))
    details = dict(alert.details)
    shown = {"DisplayName": alert.title, "Severity": alert.severity}
    return (
        *(details.get(key, "") for key in grouping.get("groupByCustomDetails") or []),
        *(shown[key] for key in grouping.get("groupByAlertDetails") or []),
        *(str(entity) for entity in alert.entities if entity[0] in (grouping.get("groupByEntities") or [])),
    )


def _home(
    grouping: dict[str, Any], incidents: list[Incident], key: tuple[str, ...], time: dt.datetime
) -> Incident | None:
    lookback = span(grouping.get("lookbackDuration", "5h"))
    for incident in reversed(incidents):
        is_open = not incident.closed or grouping.get("reopenClosedIncident", False)
        if (
            is_open
            and incident.key == key
            and time - incident.created <= lookback
            and len(incident.alerts) < MOST_IN_INCIDENT
        ):
            return incident
    return None


def entity_fields(alert: Alert) -> dict[str, list[dict[str, str]]]:
    """The entities of an alert by type."""
    found: dict[str, list[dict[str, str]]] = {}
    for kind, fields in alert.entities:
        found.setdefault(kind, []).append(dict(fields))
    return found


__all__ = [
    "Alert",
    "Change",
    "Incident",
    "Outcome",
    "alert_of",
    "alerts_of",
    "entity_fields",
    "grid",
    "group",
    "play",
    "text",
]
