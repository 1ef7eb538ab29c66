"""Sentinel and a SOC over the demo's rows: the alerts of the real rules, their incidents, and people who take and close them.

The rules see each event as they would have when it came. The people are made up: they take most incidents within the
hours that their severity asks for, and close one when its finding is fixed, or after a day or two.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

from hb_content.kql.engine import Engine, Run
from hb_content.kql.functions import INGESTED
from hb_content.scenario import scheduler, security_tables
from hb_content.scenario.model import span
from hb_content.scenario.scheduler import Alert, Change

#: A rule sees an event in its one run of this window after it came: see HumanboundNewEvents.
_FROM, _GRID = dt.timedelta(minutes=10), dt.timedelta(minutes=5)
_ANALYSTS = ("soc.tier1", "soc.tier1", "soc.tier2")
#: Minutes until an incident is taken, and how many of ten are taken at all.
_PACE = {"High": (12, 95, 10), "Medium": (40, 400, 9), "Low": (240, 2400, 6), "Informational": (240, 2400, 3)}


def play(engine: Engine, now: dt.datetime) -> None:
    """Fills SecurityAlert and SecurityIncident as they are at `now`, from the rows that the engine holds."""
    alerts: list[Alert] = []
    incidents = []
    fixed = _fixed(engine, now)
    arrivals = engine.connection.execute(f'SELECT DISTINCT "{INGESTED}", "EventType" FROM base').fetchall()
    for name, rule in engine.content.rules.items():
        if not rule.get("enabled", True):
            continue
        raised = _alerts(
            engine, name, rule, [time for time, kind in arrivals if f'"{kind}"' in rule["query"]], now
        )
        alerts += raised
        incidents += scheduler.group(
            rule, raised, [change for alert in raised for change in _changes(alert, fixed)]
        )
    security_tables.fill(engine, alerts, incidents, now, {})


def _alerts(
    engine: Engine, name: str, rule: dict[str, Any], arrivals: list[dt.datetime], now: dt.datetime
) -> list[Alert]:
    """The alerts of a rule, from those of its runs that have an event to see; `arrivals` are of what it asks for."""
    day = dt.datetime(2000, 1, 1)
    walls = {day + ((time - day + _FROM) // _GRID + 1) * _GRID for time in arrivals}
    period = span(rule["queryPeriod"])
    runs = [
        Run(wall, wall - scheduler.DELAY - period, wall - scheduler.DELAY, wall)
        for wall in sorted(walls)
        if wall <= now
    ]
    return scheduler.alerts_of(name, rule, zip(runs, engine.query_runs(rule["query"], runs), strict=True), [])


def _fixed(engine: Engine, now: dt.datetime) -> dict[str, list[dt.datetime]]:
    """When each finding was verified as fixed."""
    found: dict[str, list[dt.datetime]] = {}
    for row in engine.query(
        "HumanboundFindingEvents(datetime(null)) | where Step == 5 | project FindingKey, EventTime | sort by EventTime asc",
        now,
    ):
        found.setdefault(row["FindingKey"], []).append(row["EventTime"])
    return found


def _changes(alert: Alert, fixed: dict[str, list[dt.datetime]]) -> list[tuple[Change, dict[str, str]]]:
    """What the SOC does to the incident of an alert, and the details by which it knows that."""
    details = dict(alert.details)
    known = {
        key: details[key]
        for key in ("HumanboundRule", "ProjectId", "FindingKey", "Dimension")
        if details.get(key)
    }
    draw = int.from_bytes(hashlib.sha256(str(alert.details).encode()).digest()[:6])
    least, most, share = _PACE[alert.severity]
    changes = []
    if draw // 7 % 10 < share:
        owner = f"{_ANALYSTS[draw % len(_ANALYSTS)]}@northmere-bank.example"
        taken = alert.time + dt.timedelta(minutes=least + draw % (most - least))
        changes.append(Change(taken, "Active", owner))
        key = details.get("FindingKey")
        ends = (
            [time for time in fixed.get(key or "", []) if time > taken]
            if key
            else [taken + dt.timedelta(hours=8 + draw % 40)]
        )
        kinds = ("TruePositive", "TruePositive", "BenignPositive") if not key else ("TruePositive",)
        changes += [Change(time, "Closed", owner, kinds[draw % len(kinds)]) for time in ends[:1]]
    return [(change, known) for change in changes]
