"""The format of scenarios: what a file may hold, and what it means. README.md describes it for people.

Strict on purpose: a key that nobody knows, or a rule that does not exist, would be an expectation that nobody checks.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import difflib
import pathlib
import re
from collections.abc import Callable, Iterable
from typing import Any

import yaml

from hb_content.documents.sources import Sources
from hb_content.kql.engine import instant
from hb_content.scenario.names import Names

_SPAN = re.compile(r"([+-]?)((?:\d+(?:\.\d+)?[smhd])+)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

#: The columns of alerts, incidents and runs of rules that our content reads.
COLUMNS = {
    "SecurityAlert": {"TimeGenerated": "datetime", "SystemAlertId": "string", "ExtendedProperties": "string"},
    "SecurityIncident": {
        "TimeGenerated": "datetime", "IncidentNumber": "int", "Title": "string", "Severity": "string", "Status": "string",
        "Owner": "dynamic", "CreatedTime": "datetime", "ClosedTime": "datetime", "Classification": "string",
        "IncidentUrl": "string", "AlertIds": "dynamic", "TenantId": "string", "Labels": "dynamic", "AdditionalData": "dynamic",
    },
    "SentinelHealth": {
        "TimeGenerated": "datetime", "SentinelResourceType": "string", "SentinelResourceName": "string", "Status": "string",
        "Reason": "string", "Description": "string",
    },
}  # fmt: skip

TOP = (
    "about",
    "now",
    "seed",
    "rules",
    "watchlist",
    "events",
    "steps",
    "alerts",
    "incidents",
    "tables",
    "queries",
)
RULES = ("since", "until", "also")
WATCHLIST = ("project", "name", "owner", "criticality", "archived")
SHORT = (
    "project",
    "finding",
    "campaign",
    "severity",
    "title",
    "owasp",
    "threat_class",
    "assignee",
    "grade",
    "score",
    "dimension",
    "drift",
)
EVENT = (
    "type",
    "t",
    "sent",
    "stamp",
    "repeat",
    "status",
    "ingestion_delay",
    "count",
    "over",
    "sent_over",
    *SHORT,
    "data",
    "set",
    "omit",
    "body",
)
STEPS = {
    "outage": (),
    "restore": (),
    "drain": ("every", "until"),
    "restart": (),
    "own": ("type", "data", "ingestion_delay"),
    "take": ("rule", "details", "owner"),
    "close": ("rule", "details"),
}
ALERT = (
    "rule",
    "count",
    "title",
    "title_has",
    "severity",
    "description_has",
    "tactics",
    "entities",
    "no_entities",
    "details",
    "no_details",
)
INCIDENT = ("rule", "count", "alerts", "severity", "title", "title_has", "closed", "details")
QUERY = ("hunt", "parser", "kql", "at", "expect", "at_least", "set")


class ScenarioError(Exception):
    """What is wrong with a scenario: the file, the place in it, and what is allowed."""


@dataclasses.dataclass
class Scenario:
    """A scenario as it was read; times are in UTC without zone."""

    path: pathlib.Path
    about: str
    now: dt.datetime
    seed: str
    rules_since: dt.datetime | None
    rules_until: dt.datetime | None
    also: list[str]
    watchlist: list[dict[str, str]] | None
    tables: dict[str, list[dict[str, Any]]]
    events: list[dict[str, Any]]
    steps: list[dict[str, Any]]
    alerts: list[dict[str, Any]]
    incidents: list[dict[str, Any]] | None
    queries: list[dict[str, Any]]
    names: Names = dataclasses.field(default_factory=Names)

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.stem

    def time(self, value: Any, base: dt.datetime | None = None) -> dt.datetime:
        """A time relative to `base` or the scenario's clock, or an absolute one; fails with ValueError."""
        if isinstance(value, dt.datetime):
            return value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value
        text = str(value)
        if text == "0" or _SPAN.fullmatch(text):
            return (base or self.now) + span(text)
        return instant(text)


def span(value: Any) -> dt.timedelta:
    """A duration such as `90s`, `-3d` or `+1h30m`; fails with ValueError."""
    if str(value) == "0":
        return dt.timedelta()
    match = _SPAN.fullmatch(str(value))
    if not match:
        raise ValueError(f"`{value}` is no duration such as 90s, -3d or +1h30m")
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", match[2])
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return dt.timedelta(seconds=-seconds if match[1] == "-" else seconds)


def load(path: pathlib.Path, content: Sources) -> Scenario:
    """Reads and checks a scenario; fails with ScenarioError."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ScenarioError(f"{path}: cannot be read: {error}") from error
    return _Reader(path, content).read(raw)


class _Reader:
    def __init__(self, path: pathlib.Path, content: Sources) -> None:
        self.path = path
        self.content = content

    def fail(self, place: str, problem: str) -> ScenarioError:
        return ScenarioError(f"{self.path}: {place}: {problem}")

    def keys(
        self, place: str, value: Any, allowed: Iterable[str], needed: Iterable[str] = ()
    ) -> dict[str, Any]:
        allowed = list(allowed)
        if not isinstance(value, dict):
            raise self.fail(place, f"must be a mapping with some of: {', '.join(allowed)}")
        for key in value:
            if key not in allowed:
                raise self.fail(f"{place}.{key}", _unknown("key", str(key), allowed))
        for key in needed:
            if key not in value:
                raise self.fail(place, f"needs `{key}`")
        return value

    def items(self, raw: dict[str, Any], key: str) -> list[Any]:
        value = raw.get(key) or []
        if not isinstance(value, list):
            raise self.fail(key, "must be a list")
        return value

    def one_of(self, place: str, kind: str, value: Any, known: Iterable[str]) -> str:
        if value not in known:
            raise self.fail(place, _unknown(kind, str(value), known))
        return str(value)

    def value(self, place: str, read: Callable[[Any], Any], value: Any) -> Any:
        try:
            return read(value)
        except (ValueError, TypeError) as error:
            raise self.fail(place, f"{error}; times are like -3d, +1h30m or 2026-10-01T12:00:00Z") from error

    def read(self, raw: Any) -> Scenario:
        raw = self.keys("the file", raw, TOP, ("about", "now"))
        rules = self.keys("rules", raw.get("rules") or {}, RULES)
        scenario = Scenario(
            path=self.path,
            about=str(raw["about"]).strip(),
            now=dt.datetime(1, 1, 1),
            seed=str(raw.get("seed", self.path.stem)),
            rules_since=None,
            rules_until=None,
            also=[
                self.one_of("rules.also", "rule", name, self.content.rules)
                for name in rules.get("also") or []
            ],
            watchlist=None,
            tables={},
            events=self.items(raw, "events"),
            steps=self.items(raw, "steps"),
            alerts=self.items(raw, "alerts"),
            incidents=self.items(raw, "incidents") if "incidents" in raw else None,
            queries=self.items(raw, "queries"),
        )
        scenario.now = self.value("now", scenario.time, raw["now"])
        for key in ("since", "until"):
            if key in rules:
                setattr(scenario, f"rules_{key}", self.value(f"rules.{key}", scenario.time, rules[key]))
        self.events(scenario)
        self.steps(scenario)
        self.expectations(scenario)
        scenario.watchlist = self.watchlist(scenario, raw)
        scenario.tables = self.tables(scenario, raw)
        return scenario

    def tables(self, scenario: Scenario, raw: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
        """Rows that others than our rules made: alerts of other products, incidents that were merged."""
        found: dict[str, list[dict[str, Any]]] = {}
        for table, rows in self.keys("tables", raw.get("tables") or {}, COLUMNS).items():
            found[table] = []
            for at, item in enumerate(rows):
                item = self.keys(f"tables.{table}[{at}]", item, COLUMNS[table], ("TimeGenerated",))
                row = dict.fromkeys(COLUMNS[table]) | scenario.names.filled(item)
                for column, kind in COLUMNS[table].items():
                    if kind == "datetime" and row[column] is not None:
                        row[column] = self.value(f"tables.{table}[{at}].{column}", scenario.time, row[column])
                found[table].append(row)
        return found

    def watchlist(self, scenario: Scenario, raw: dict[str, Any]) -> list[dict[str, str]] | None:
        if raw.get("watchlist") is None:
            return None
        rows = []
        for at, item in enumerate(self.items(raw, "watchlist")):
            item = self.keys(f"watchlist[{at}]", item, WATCHLIST, ("project",))
            texts = {
                key: str(value).lower() if isinstance(value, bool) else str(value)
                for key, value in item.items()
            }
            columns = {
                "ProjectName": "name",
                "Owner": "owner",
                "Criticality": "criticality",
                "Archived": "archived",
            }
            rows.append(
                {"ProjectId": scenario.names.identity(texts["project"])}
                | {name: texts.get(key, "") for name, key in columns.items()}
            )
        return rows

    def events(self, scenario: Scenario) -> None:
        for at, item in enumerate(scenario.events):
            place = f"events[{at}]"
            item = self.keys(place, item, EVENT)
            if ("type" in item) == ("body" in item):
                raise self.fail(place, "needs either `type` or `body`")
            for key in ("t", "sent"):
                if key in item:
                    self.value(f"{place}.{key}", scenario.time, item[key])
            for time in item.get("repeat") or []:
                self.value(f"{place}.repeat", scenario.time, time)
            delays = item.get("ingestion_delay", [])
            for delay in delays if isinstance(delays, list) else [delays]:
                self.value(f"{place}.ingestion_delay", span, delay)
            for key in ("over", "sent_over"):
                self.value(f"{place}.{key}", span, item.get(key, "0"))
            self.one_of(f"{place}.stamp", "stamp", item.get("stamp", "own"), ("own", "sent"))

    def steps(self, scenario: Scenario) -> None:
        for at, item in enumerate(scenario.steps):
            place = f"steps[{at}]"
            if not isinstance(item, dict):
                raise self.fail(place, f"must be a mapping with `do`, one of: {', '.join(STEPS)}")
            what = self.one_of(f"{place}.do", "step", item.get("do"), STEPS)
            self.keys(place, item, ("do", "t", *STEPS[what]), ("t",))
            for key in ("t", "until"):
                if key in item:
                    self.value(f"{place}.{key}", scenario.time, item[key])
            for key in ("every", "ingestion_delay"):
                if key in item:
                    self.value(f"{place}.{key}", span, item[key])
            if "rule" in item:
                self.one_of(f"{place}.rule", "rule", item["rule"], self.content.rules)

    def expectations(self, scenario: Scenario) -> None:
        for key, allowed in (("alerts", ALERT), ("incidents", INCIDENT)):
            for at, item in enumerate(getattr(scenario, key) or []):
                place = f"{key}[{at}]"
                self.keys(place, item, allowed, ("rule",))
                self.one_of(f"{place}.rule", "rule", item["rule"], self.content.rules)
                for number in ("count", "alerts"):
                    if not re.fullmatch(r"\d+(\.\.\d+)?", str(item.get(number, 1))):
                        raise self.fail(f"{place}.{number}", "must be a number, or a range such as 2..5")
                details = (self.content.rules[item["rule"]].get("customDetails") or {}).keys()
                for detail in [*(item.get("details") or {}), *(item.get("no_details") or [])]:
                    self.one_of(f"{place}.details", "custom detail", detail, details)
                if (
                    key == "alerts"
                    and not self.content.rules[item["rule"]].get("enabled", True)
                    and item["rule"] not in scenario.also
                ):
                    raise self.fail(
                        place, f"the rule {item['rule']} is off by default: add it to `rules.also`"
                    )
        for at, item in enumerate(scenario.queries):
            place = f"queries[{at}]"
            self.keys(place, item, QUERY, ("expect",))
            if len([key for key in ("hunt", "parser", "kql") if key in item]) != 1:
                raise self.fail(place, "needs one of `hunt`, `parser` and `kql`")
            if "hunt" in item:
                self.one_of(f"{place}.hunt", "hunt", item["hunt"], self.content.hunts)
            if "parser" in item:
                self.one_of(
                    f"{place}.parser", "parser", str(item["parser"]).split("(")[0], self.content.parsers
                )
            if "at" in item:
                self.value(f"{place}.at", scenario.time, item["at"])
            if not isinstance(item["expect"], list):
                raise self.fail(f"{place}.expect", "must be a list of rows; [] for none")


def _unknown(kind: str, value: str, known: Iterable[str]) -> str:
    known = sorted(known)
    near = difflib.get_close_matches(value, known, 1)
    hint = f"; did you mean `{near[0]}`?" if near else ""
    return f"unknown {kind} `{value}`{hint}; allowed: {', '.join(known) or 'none'}"
