"""Rules for analytic rules: the service's limits, and what sentinel/METRICS.md fixes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from hb_content.documents.files import Content, Document, Finding
from hb_content.lint import mapping
from hb_content.lint.mapping import SHARED_SCHEMA, SHOWN, Complaint, column
from hb_content.lint.schema import shape

RULES = {
    "rule-kind": "a rule is Scheduled",
    "rule-severity": "an alert is Informational, Low, Medium or High; there is no Critical",
    "rule-schedule": "a rule runs every 5 minutes to 14 days over at least as long a period, written like 5m, 1h or 14d",
    "rule-long-period": "a rule that looks back 2 days or more runs at most once an hour",
    "rule-trigger": "the trigger is one of the service's, with a threshold of 0 to 10,000",
    "rule-suppression": "a rule that is quiet after an alert loses the events of that time",
    "rule-old-columns": "columns like AccountCustomEntity are the old way to map entities",
    "custom-detail-count": "there are at most 20 custom details",
    "custom-detail-key": "the name of a custom detail is a letter and at most 19 letters, digits or underscores",
    "custom-detail-value": "a custom detail is a column: a letter or underscore, then letters, digits or underscores",
    "override-length": "a title's format has 1 to 256 characters, a description's 1 to 5,000",
    "override-placeholders": "a title's and a description's format have at most 3 placeholders each",
    "override-null": "an override that is there has a value",
    "event-grouping": "one alert for each result, or one for all",
    "metrics-name": "names of our rules begin with Humanbound, and there are five rules",
    "metrics-enabled": "feed and coverage is off by default, and the others are on",
    "metrics-schedule": "a rule runs every 5 minutes over 47 hours; feed and coverage hourly over 14 days",
    "metrics-trigger": "a rule fires when there is a result, one alert for each",
    "metrics-override": "title, description and severity of an alert come from its row; a critical finding's tactic too",
    "metrics-details": "custom details are those of sentinel/METRICS.md",
    "metrics-grouping": "alerts group for 7 days into an incident that is not closed, by custom details and never by entities",
    "metrics-next-step": "a description, and each alert, says what to do next",
}

SCHEMA = SHARED_SCHEMA | {
    "kind": str,
    "severity": str,
    "enabled?": bool,
    "queryFrequency": str,
    "queryPeriod": str,
    "suppressionDuration?": str,
    "suppressionEnabled?": bool,
    "triggerOperator": str,
    "triggerThreshold": int,
    "customDetails?": {"*": str},
    "alertDetailsOverride?": {
        "alertDisplayNameFormat?": str,
        "alertDescriptionFormat?": str,
        "alertSeverityColumnName?": str,
        "alertTacticsColumnName?": str,
        "alertDynamicProperties?": [{"alertProperty": str, "value": str}],
    },
    "eventGroupingSettings?": {"aggregationKind": str},
    "incidentConfiguration?": {
        "createIncident": bool,
        "groupingConfiguration": {
            "enabled": bool,
            "reopenClosedIncident": bool,
            "lookbackDuration": str,
            "matchingMethod": str,
            "groupByEntities?": [str],
            "groupByAlertDetails?": [str],
            "groupByCustomDetails?": [str],
        },
    },
}

#: Which custom details group the alerts of a rule; None where sentinel/METRICS.md names none.
GROUPS: dict[str, list[str] | None] = {
    "CriticalFinding": ["ProjectId", "FindingHash"],
    "Regression": ["ProjectId", "FindingHash"],
    "PostureDrop": ["ProjectId", "Dimension"],
    "Drift": ["ProjectId"],
    "FeedAndCoverage": None,
}

DETAILS = {
    *("HumanboundRule", "EventId", "ProjectId", "FindingKey", "FindingHash", "RollupFrom", "RollupTo"),
    *("FindingSeverity", "OwaspId", "OwaspName", "AtlasTechnique", "EventTime", "Dimension"),
}

_OPERATORS = {"gt", "lt", "eq", "ne", "GreaterThan", "LessThan", "Equal", "NotEqual"}
_OLD = r"\b(Account|Host|IP|URL|Process|FileHash)CustomEntity\b"


def check(item: Document, result: dict[str, Any] | None, content: Content) -> Iterator[Finding]:
    """Everything about a rule but its KQL; without `result` nothing about columns."""
    problems = list(shape(SCHEMA, item.value))
    if not any(rule in ("missing-key", "value-type") for rule, _ in problems):
        parts = [mapping.texts(item, content), mapping.attack(item), mapping.entities(item)]
        parts += [_limits(item), _details(item), _override(item), _metrics(item), _incident(item)]
        problems += [problem for part in parts for problem in part]
        if result is not None:
            problems += [*mapping.entity_columns(item, result), *_columns(item, result)]
    for rule, message in problems:
        yield Finding(item.path, rule, message)


def minutes(text: str) -> int | None:
    """A duration like `5m` in minutes; None for any other form."""
    match = re.match(r"^(\d{1,4})([mhd])$", text)
    return int(match.group(1)) * {"m": 1, "h": 60, "d": 1440}[match.group(2)] if match else None


def _limits(item: Document) -> Iterator[Complaint]:
    value = item.value
    if value["kind"] != "Scheduled":
        yield "rule-kind", value["kind"]
    if value["severity"] not in ("Informational", "Low", "Medium", "High"):
        yield "rule-severity", value["severity"]
    frequency, period = minutes(value["queryFrequency"]), minutes(value["queryPeriod"])
    if frequency is None or period is None or not 5 <= frequency <= period <= 14 * 1440:
        yield "rule-schedule", f"{value['queryFrequency']} over {value['queryPeriod']}"
    elif period >= 2 * 1440 and frequency < 60:
        yield "rule-long-period", f"{value['queryFrequency']} over {value['queryPeriod']}"
    if value["triggerOperator"] not in _OPERATORS or not 0 <= value["triggerThreshold"] <= 10_000:
        yield "rule-trigger", f"{value['triggerOperator']} {value['triggerThreshold']}"
    if value.get("suppressionEnabled"):
        yield "rule-suppression", f"suppressionEnabled, for {value.get('suppressionDuration', 'no time')}"
    if old := re.search(_OLD, value["query"]):
        yield "rule-old-columns", old.group(0)
    kind = _aggregation(item)
    if kind not in (None, "SingleAlert", "AlertPerResult"):
        yield "event-grouping", kind


def _aggregation(item: Document) -> str | None:
    return (item.value.get("eventGroupingSettings") or {}).get("aggregationKind")


def _details(item: Document) -> Iterator[Complaint]:
    details = item.value.get("customDetails") or {}
    if len(details) > 20:
        yield "custom-detail-count", f"there are {len(details)}"
    for key, name in details.items():
        if not re.match(r"^[A-Za-z]\w{0,19}$", key, re.A):
            yield "custom-detail-key", key
        if not re.match(r"^[A-Za-z_]\w{0,499}$", name, re.A):
            yield "custom-detail-value", f"{key}: {name}"


def _formats(item: Document) -> dict[str, tuple[str, int]]:
    override = item.value.get("alertDetailsOverride") or {}
    limits = {"alertDisplayNameFormat": 256, "alertDescriptionFormat": 5000}
    return {key: (override[key], limit) for key, limit in limits.items() if override.get(key) is not None}


def _override(item: Document) -> Iterator[Complaint]:
    for key, value in (item.value.get("alertDetailsOverride") or {}).items():
        if value is None or value == "":
            yield "override-null", f"{key} is there without a value"
    for key, (text, limit) in _formats(item).items():
        if not 1 <= len(text) <= limit:
            yield "override-length", f"{key} has {len(text)} characters"
        if text.count("{{") > 3:
            yield "override-placeholders", f"{key} has {text.count('{{')}"


def _columns(item: Document, result: dict[str, Any]) -> Iterator[Complaint]:
    for key, name in (item.value.get("customDetails") or {}).items():
        yield from column(result, name, SHOWN, f"the custom detail {key}")
    for key, (text, _) in _formats(item).items():
        for name in re.findall(r"\{\{(.*?)\}\}", text):
            yield from column(result, name, SHOWN, key)
    override = item.value.get("alertDetailsOverride") or {}
    for key in ("alertSeverityColumnName", "alertTacticsColumnName"):
        if override.get(key):
            yield from column(result, override[key], {"string"}, key)
    for entry in override.get("alertDynamicProperties") or []:
        yield from column(result, entry["value"], SHOWN, entry["alertProperty"])


def _metrics(item: Document) -> Iterator[Complaint]:
    value, is_feed = item.value, item.stem == "FeedAndCoverage"
    if not value["name"].startswith("Humanbound ") or item.stem not in GROUPS:
        yield "metrics-name", f"{item.stem}: {value['name']}"
    if value.get("enabled", True) is is_feed:
        yield "metrics-enabled", f"enabled must be {str(not is_feed).lower()}"
    schedule = ("1h", "14d") if is_feed else ("5m", "47h")
    if (value["queryFrequency"], value["queryPeriod"]) != schedule:
        yield (
            "metrics-schedule",
            f"{value['queryFrequency']} over {value['queryPeriod']}, not {' over '.join(schedule)}",
        )
    kind = _aggregation(item)
    fires = value["triggerOperator"] in ("gt", "GreaterThan") and value["triggerThreshold"] == 0
    if not fires or kind != "AlertPerResult":
        yield "metrics-trigger", f"{value['triggerOperator']} {value['triggerThreshold']}, {kind}"
    override = value.get("alertDetailsOverride") or {}
    steps = [line for line in value["description"].splitlines() if line.startswith("What to do next:")]
    if len(steps) != 1:
        yield "metrics-next-step", "exactly one line begins with `What to do next:`"
    # An alert shows this text instead of the rule's description.
    elif str(override.get("alertDescriptionFormat")).strip() != "{{AlertDescription}}\n" + steps[0]:
        yield (
            "metrics-next-step",
            "alertDescriptionFormat must be {{AlertDescription}} and the line that says what to do next",
        )
    wanted = {
        "alertDisplayNameFormat": "{{AlertTitle}}",
        "alertSeverityColumnName": "AlertSeverity",
    }
    if item.stem == "CriticalFinding":
        wanted["alertTacticsColumnName"] = "AlertTactics"
    for key, text in wanted.items():
        if override.get(key) != text:
            yield "metrics-override", f"{key} must be {text}"
    details = set(value.get("customDetails") or {})
    missing = sorted(({"HumanboundRule", "ProjectId"} if is_feed else DETAILS) - details)
    if missing:
        yield "metrics-details", f"{', '.join(missing)} missing"


def _incident(item: Document) -> Iterator[Complaint]:
    incident = item.value.get("incidentConfiguration") or {}
    grouping = dict(incident.get("groupingConfiguration") or {})
    keys = grouping.pop("groupByCustomDetails", None) or []
    wanted = {
        "enabled": True,
        "reopenClosedIncident": False,
        "lookbackDuration": "7d",
        "matchingMethod": "Selected",
    }
    for name, value in wanted.items():
        if grouping.get(name) != value:
            yield (
                "metrics-grouping",
                f"{name} must be {str(value).lower() if isinstance(value, bool) else value}",
            )
    if incident.get("createIncident") is not True:
        yield "metrics-grouping", "createIncident must be true"
    if grouping.get("groupByEntities") or grouping.get("groupByAlertDetails"):
        yield "metrics-grouping", "alerts must not group by entities or alert details"
    group = GROUPS.get(item.stem)
    if not keys or (group is not None and sorted(keys) != sorted(group)):
        yield "metrics-grouping", f"groupByCustomDetails must be {', '.join(group or ['a custom detail'])}"
    for key in keys:
        if key not in (item.value.get("customDetails") or {}):
            yield "metrics-grouping", f"{key} is no custom detail of the rule"
