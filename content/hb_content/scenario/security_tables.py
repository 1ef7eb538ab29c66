"""Alerts, incidents and runs of rules as a workspace holds them: of the columns of SecurityAlert, SecurityIncident and SentinelHealth those that our content reads.

https://learn.microsoft.com/azure/azure-monitor/reference/tables/securityalert
https://learn.microsoft.com/azure/azure-monitor/reference/tables/securityincident
https://learn.microsoft.com/azure/azure-monitor/reference/tables/sentinelhealth
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from hb_content.kql.engine import Engine
from hb_content.scenario.model import COLUMNS
from hb_content.scenario.names import NAMESPACE
from hb_content.scenario.scheduler import SEVERITIES, Alert, Change, Incident


def fill(
    engine: Engine,
    alerts: Iterable[Alert],
    incidents: Iterable[Incident],
    now: dt.datetime,
    others: Mapping[str, list[dict[str, Any]]],
) -> None:
    """Makes the tables as they are at `now`, with the rows of `others` too."""
    numbered = enumerate(
        sorted(incidents, key=lambda incident: (incident.created, incident.rule, incident.key)), start=1
    )
    found = {
        "SecurityAlert": [_alert(alert) for alert in alerts],
        "SecurityIncident": [row for number, incident in numbered for row in _incident(number, incident)],
    }
    # Where the health of rules is not monitored, there is no table of it.
    if "SentinelHealth" in others:
        found["SentinelHealth"] = []
    for table, rows in found.items():
        rows += others.get(table, [])
        engine.set_table(table, COLUMNS[table], [row for row in rows if row["TimeGenerated"] <= now])


def _id(alert: Alert) -> str:
    return str(uuid.uuid5(NAMESPACE, f"{alert.rule} {alert.time} {alert.details}"))


def _alert(alert: Alert) -> dict[str, Any]:
    # Text in text, and a list for each detail: that is how they come.
    details = json.dumps({key: [value] for key, value in alert.details})
    return {
        "TimeGenerated": alert.time,
        "SystemAlertId": _id(alert),
        "ExtendedProperties": json.dumps({"Custom Details": details}),
    }


def _incident(number: int, incident: Incident) -> list[dict[str, Any]]:
    """A row for each alert that came to it and for each change: what it is from then on."""
    acts: list[Alert | Change] = sorted([*incident.alerts, *incident.changes], key=lambda act: act.time)
    state: dict[str, Any] = {
        "Status": "New",
        "Owner": {"assignedTo": ""},
        "ClosedTime": None,
        "Classification": "",
    }
    alerts: list[str] = []
    severities: list[str] = []
    found = []
    for act in acts:
        if isinstance(act, Alert):
            alerts.append(_id(act))
            severities.append(act.severity)
        else:
            state["Status"] = act.status
            state["Classification"] = act.classification
            state["ClosedTime"] = act.time if act.status == "Closed" else None
            state["Owner"] = {"assignedTo": act.owner} if act.owner else state["Owner"]
        url = f"https://portal.azure.com/#asset/Microsoft_Azure_Security_Insights/Incident/demo/{number}"
        found.append(
            {
                "TimeGenerated": act.time, "IncidentNumber": number, "Title": incident.alerts[0].title, "Severity": max(severities, key=SEVERITIES.index),
                **state, "CreatedTime": incident.created, "IncidentUrl": url, "AlertIds": list(alerts), "TenantId": "", "Labels": [], "AdditionalData": {},
            }
        )  # fmt: skip
    return found
