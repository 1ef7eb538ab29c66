"""From a scenario to the plan that the connector is played, and from its rows back to what the workspace holds when."""

from __future__ import annotations

import copy
import datetime as dt
import hashlib
import json
import pathlib
import re
from collections import defaultdict, deque
from typing import Any

from hb_content.documents.files import ROOT
from hb_content.kql.engine import Row, instant
from hb_content.kql.functions import INGESTED
from hb_content.scenario.model import Scenario, ScenarioError, span
from hb_content.scenario.names import Names

#: So long after an event happened it is delivered, unless a scenario says otherwise.
DELIVERY = dt.timedelta(seconds=2)
#: The connector answers a body that it has just stored from memory, for so long.
MEMORY = dt.timedelta(minutes=15)
#: The longest that Azure Monitor takes from accepting a row to showing it, as far as the rules count on it.
LATENCY_SECONDS = 15 * 60
#: Azure Monitor replaces a TimeGenerated outside of these, seen from when the row is ingested.
OLDEST, NEWEST = dt.timedelta(days=2), dt.timedelta(days=1)

_FIXTURES = ROOT / "tests/fixtures/events"
_SCORES = {"critical": 88.0, "high": 64.0, "medium": 42.0, "low": 12.0, "info": 0.0}
_EPOCH = dt.datetime(1970, 1, 1)

Step = dict[str, Any]


def plan(scenario: Scenario) -> dict[str, Any]:
    """The steps to play, in the order of time, each post with the event and the copy that it is."""
    acts: list[tuple[dt.datetime, Step]] = []
    for at, item in enumerate(scenario.events):
        acts += _deliveries(scenario, at, item)
    for item in scenario.steps:
        acts += _steps(scenario, item)
    acts.sort(key=lambda act: act[0])
    steps: list[Step] = []
    sent: dict[str, dt.datetime] = {}
    for time, act in acts:
        act |= {"at": time.isoformat(timespec="microseconds") + "Z"}
        if act["do"] in ("restart", "restore"):
            sent.clear()
        if act["do"] != "post":
            steps.append(act)
            continue
        body = act["bodies"][0]
        if body in sent and time - sent[body] > MEMORY:
            # Its memory is kept by a clock that is not ours: another instance has none either.
            steps.append({"do": "restart", "at": act["at"]})
            sent.clear()
        sent[body] = time
        last = steps[-1] if steps else None
        if (
            last
            and last["do"] == "post"
            and (last["at"], last.get("status")) == (act["at"], act.get("status"))
        ):
            last["bodies"] += act["bodies"]
            last["copies"] += act["copies"]
        else:
            steps.append(act)
    return {"scenario": str(scenario.path), "steps": steps}


def _steps(scenario: Scenario, item: dict[str, Any]) -> list[tuple[dt.datetime, Step]]:
    if item["do"] in ("take", "close"):
        return []
    time = scenario.time(item["t"])
    if item["do"] == "own":
        return [
            (
                time,
                {
                    "do": "own",
                    "event_type": item["type"],
                    "data": scenario.names.filled(item.get("data") or {}),
                    "delay": item.get("ingestion_delay"),
                },
            )
        ]
    if "every" not in item:
        return [(time, {"do": item["do"]})]
    every, until = span(item["every"]), scenario.time(item["until"])
    return [(time + every * number, {"do": item["do"]}) for number in range(int((until - time) / every) + 1)]


def _deliveries(scenario: Scenario, at: int, item: dict[str, Any]) -> list[tuple[dt.datetime, Step]]:
    count = int(item.get("count", 1))
    apart, sent_apart = (span(item.get(key, "0")) / count for key in ("over", "sent_over"))
    acts: list[tuple[dt.datetime, Step]] = []
    for number in range(count):
        one = _numbered(item, number)
        happened = scenario.time(one.get("t", "0")) + apart * number
        first = scenario.time(one["sent"]) + sent_apart * number if "sent" in one else happened + DELIVERY
        stamp = first - DELIVERY if one.get("stamp") == "sent" else happened
        body = _body(scenario, at, one, happened, stamp)
        for number_of_copy, time in enumerate(
            [first, *(scenario.time(time) for time in one.get("repeat") or [])]
        ):
            acts.append(
                (
                    time,
                    {
                        "do": "post",
                        "bodies": [body],
                        "status": one.get("status"),
                        "copies": [[at, number_of_copy]],
                    },
                )
            )
    return acts


def _numbered(item: dict[str, Any], number: int) -> dict[str, Any]:
    """The event number `number` of many: {n} in texts, and the next of each list that stands for one value."""

    def fill(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace("{n}", str(number))
        if isinstance(value, dict):
            return {key: fill(inner) for key, inner in value.items()}
        return value

    turns = ("project", "finding", "severity", "owasp", "threat_class", "title", "t")
    return {
        key: fill(value[number % len(value)] if key in turns and isinstance(value, list) else value)
        for key, value in item.items()
    }


def _body(
    scenario: Scenario, at: int, item: dict[str, Any], happened: dt.datetime, stamp: dt.datetime
) -> str:
    if "body" in item:
        return (
            item["body"]
            if isinstance(item["body"], str)
            else json.dumps(_timed(scenario, scenario.names.filled(item["body"]), happened))
        )
    path = _FIXTURES / f"{item['type']}.json"
    if not path.is_file():
        known = ", ".join(sorted(path.stem for path in _FIXTURES.glob("*.json")))
        raise ScenarioError(
            f"{scenario.path}: events[{at}].type: there is no template `{item['type']}`; write `body`, or one of: {known}"
        )
    body = json.loads(path.read_text(encoding="utf-8"))
    _shift(body, happened - (_EPOCH + dt.timedelta(seconds=body["timestamp"])))
    body["timestamp"] = _epoch(stamp)
    body["project_id"] = scenario.names.identity(item.get("project", "alpha"))
    _short(scenario.names, body, item)
    body["data"] |= _timed(scenario, scenario.names.filled(item.get("data") or {}), happened)
    body |= _timed(scenario, scenario.names.filled(item.get("set") or {}), happened)
    for dotted in item.get("omit") or []:
        *folders, last = dotted.split(".")
        place = body
        for folder in folders:
            place = place.get(folder, {})
        if place.pop(last, None) is None:
            raise ScenarioError(
                f"{scenario.path}: events[{at}].omit: the template {item['type']} has no `{dotted}`"
            )
    return json.dumps(body)


def _short(names: Names, body: dict[str, Any], item: dict[str, Any]) -> None:
    """Applies the short forms, each where the platform puts it."""
    kind, data = item["type"], body["data"]
    is_finding = kind.startswith("finding.") or kind == "quality.regression"
    if is_finding:
        data.pop("id", None)
        data["finding_id"] = names.identity(item.get("finding", "f1"))
    if "campaign" in item:
        data["campaign_id"] = names.identity(item["campaign"])
        data.pop("id", None)
    if "severity" in item:
        if is_finding:
            data |= {"severity_label": item["severity"], "severity": _SCORES.get(item["severity"], 50.0)}
        # A regression is always sent as high, whatever its finding.
        if kind != "finding.regressed":
            body["severity"] = item["severity"]
    if "title" in item:
        data["title"] = item["title"]
        body["title"] = f"{body['title'].split(': ')[0]}: {item['title']}" if is_finding else item["title"]
    for key, place, name in (
        ("owasp", body, "owasp_category"),
        ("threat_class", data, "threat_class"),
        ("assignee", data, "assignee_email"),
        ("dimension", data, "dimension"),
        ("drift", data, "drift_score"),
    ):
        if key in item:
            place[name] = item[key]
    for key, members in (("grade", ("previous_grade", "grade")), ("score", ("previous_score", "posture"))):
        if key in item:
            sides = [side.strip() for side in str(item[key]).split("->")]
            values = [side if key == "grade" else float(side) for side in sides]
            data |= dict(zip(members, values, strict=True))
            if key == "grade":
                body["title"] = f"Posture grade changed: {sides[0]} -> {sides[1]}"


def _shift(value: Any, by: dt.timedelta) -> None:
    """Moves every time of a template."""
    for key, inner in value.items():
        if isinstance(inner, dict):
            _shift(inner, by)
        elif key.endswith("_at") and isinstance(inner, str):
            value[key] = (instant(inner) + by).isoformat(timespec="milliseconds") + "Z"
        elif key.endswith("_at") and isinstance(inner, int | float):
            value[key] = inner + by.total_seconds()


def _timed(scenario: Scenario, values: dict[str, Any], happened: dt.datetime) -> dict[str, Any]:
    """Replaces `@-3d` (seen from the scenario's clock) and `@t-3d` (seen from the event) by times."""
    found = copy.deepcopy(values)
    for key, value in values.items():
        if isinstance(value, dict):
            found[key] = _timed(scenario, value, happened)
        elif isinstance(value, str) and (match := re.fullmatch(r"@(t?)([+-]?\w.*)?", value)):
            time = scenario.time(match[2] or "0", happened if match[1] else scenario.now)
            found[key] = _epoch(time) if key == "timestamp" else time.isoformat(timespec="milliseconds") + "Z"
    return found


def _epoch(time: dt.datetime) -> int | float:
    seconds = (time - _EPOCH).total_seconds()
    return int(seconds) if seconds == int(seconds) else seconds


def rows(scenario: Scenario, steps: list[Step], lines: pathlib.Path) -> list[Row]:
    """The rows that the workspace accepted, as Azure Monitor holds them: each with its ingestion time."""
    outcomes = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    if len(outcomes) != len(steps):
        raise ScenarioError(f"{scenario.path}: {len(outcomes)} of {len(steps)} steps were played")
    waiting: dict[str, deque[list[int]]] = defaultdict(deque)
    seen: dict[str, int] = defaultdict(int)
    found = []
    for step, outcome in zip(steps, outcomes, strict=True):
        for (event_id, answer), copy_of in zip(outcome["answers"], step.get("copies", []), strict=True):
            if answer in ("stored", "spooled"):
                waiting[event_id].append(copy_of)
        for row in outcome["rows"]:
            event_id = row["EventId"]
            if step["do"] == "post" and instant(row["ReceivedTime"]) != instant(step["at"]):
                raise ScenarioError(
                    f"{scenario.path}: the connector's clock said {row['ReceivedTime']} at {step['at']}"
                )
            seen[event_id] += 1
            known = waiting[event_id].popleft() if waiting[event_id] else None
            delay = _delay(scenario, step, known)
            if delay is None:
                drawn = hashlib.sha256(f"{scenario.seed} {event_id} {seen[event_id]}".encode()).digest()
                delay = dt.timedelta(milliseconds=int.from_bytes(drawn[:8]) % (LATENCY_SECONDS * 1000))
            found.append(_ingested(row, instant(outcome["accepted"]) + delay))
    return found


def _delay(scenario: Scenario, step: Step, copy_of: list[int] | None) -> dt.timedelta | None:
    chosen = step.get("delay")
    if copy_of:
        event, number = copy_of
        chosen = scenario.events[event].get("ingestion_delay")
        if isinstance(chosen, list):
            chosen = chosen[number] if number < len(chosen) else None
    return None if chosen is None else span(chosen)


def _ingested(row: Row, ingested: dt.datetime) -> Row:
    generated = instant(row["TimeGenerated"])
    if generated < ingested - OLDEST or generated > ingested + NEWEST:
        row["TimeGenerated"] = ingested.isoformat() + "Z"
    return row | {INGESTED: ingested}
