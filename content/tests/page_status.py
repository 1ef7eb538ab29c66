"""Executes what the connectors' pages ask, over tables in all the states that a page can meet.

    target/tools/venv/bin/python -B content tests.page_status

Prints what is wrong, a line each, and exits with 1 when there is something.
"""

from __future__ import annotations

import datetime as dt
import sys
from typing import Any

from hb_content.documents.files import ROOT
from hb_content.kql.engine import Engine
from hb_content.kql.functions import INGESTED
from hb_content.packaging.sources import read

NOW = dt.datetime(2026, 10, 1, 12)

#: Rows, as family and days ago; whether the page says Connected, and the days since the last event or None.
CASES: list[tuple[str, list[tuple[str, float]], bool, float | None]] = [
    ("an empty table", [], False, None),
    ("signs of life only", [("connector", 0), ("connector", 1)], False, None),
    ("the event that tests a webhook", [("connector", 0), ("test", 0.25)], True, 0.25),
    ("a quiet estate", [("connector", 0), ("finding", 29), ("posture", 60)], True, 29),
    ("a silent sender", [("connector", 0), ("finding", 31)], False, 31),
    ("a connector that is down", [("connector", 9), ("drift", 10)], True, 10),
]


def stored(number: int, family: str, days: float) -> dict[str, Any]:
    """A row that arrived at once."""
    time = (NOW - dt.timedelta(days=days)).isoformat() + "Z"
    return {
        "TimeGenerated": time,
        "EventTime": time,
        "ReceivedTime": time,
        INGESTED: time,
        "EventFamily": family,
        "EventId": str(number),
    }


def main() -> int:
    """The command."""
    problems: list[str] = []
    for page in (sources := read(ROOT)).page, sources.push_page:
        config = page["properties"]["connectorUiConfig"]
        status, last = (
            config["connectivityCriteria"][0]["value"][0],
            config["dataTypes"][0]["lastDataReceivedQuery"],
        )
        for name, rows, connected, days in CASES:
            engine = Engine(sources)
            engine.load([stored(number, family, ago) for number, (family, ago) in enumerate(rows)])
            found = [row["IsConnected"] for row in engine.query(status, NOW)]
            if found != [connected]:
                problems.append(f"{page['name']}: {name}: IsConnected is {found}")
            times = [str(row["Time"]) for row in engine.query(last, NOW)]
            wanted = [] if days is None else [(NOW - dt.timedelta(days=days)).isoformat()]
            if [time[:19].replace(" ", "T") for time in times] != wanted:
                problems.append(f"{page['name']}: {name}: the last event is of {times}, not {wanted}")
            engine.close()
    print("\n".join(problems))
    print(f"{len(CASES)} states", file=sys.stderr)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
