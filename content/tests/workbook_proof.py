"""Proves the workbook: every query runs, for several values of its parameters, and tiles show what the story says.

`python -m tests.workbook_proof ROWS TRUTHS`: the demo's rows, and what must be true of them, as the story itself computes it.
"""

from __future__ import annotations

import datetime as dt
import json
import pathlib
import re
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from hb_content.documents.sources import Sources
from hb_content.documents.workbook import DROPDOWN, QUERY, defined, exports, walk
from hb_content.kql.cache import Memo
from hb_content.kql.engine import Engine
from hb_content.kql.templates import Checked
from hb_content.preview import rows as demo_rows
from hb_content.preview import soc
from hb_content.preview.render import Preview, data_of, page
from hb_content.preview.results import WORKBOOK

#: What people may write into names and titles; none of it may ever be part of a query.
HOSTILE = "O'Br\"ien | where true {Project} ${x}\n\\ </script><!--<script> /*CODE*/ \u2028 'a','b'"
#: What may be part of a query: ids, enumerations, hashes.
SAFE = re.compile(r"[\w .:-]*")
#: Columns that people write.
WRITTEN = (
    "ProjectName",
    "EventTitle",
    "Description",
    "FindingTitle",
    "Category",
    "ThreatClass",
    "AssigneeName",
    "Actor",
)


class Proof:
    """One table of rows, and the workbook over it."""

    def __init__(
        self, content: Sources, path: pathlib.Path, now: dt.datetime, with_incidents: bool = False
    ) -> None:
        self.workbook = content.workbooks[WORKBOOK]
        engine = Engine(content)
        demo_rows.load(engine, path, now)
        if with_incidents:
            soc.play(engine, now)
        self.results = Preview(self.workbook, Memo(engine, now, Checked), now)
        self.names = {item.path: item.name for item in walk(self.workbook)}

    def rows(self, name: str, **chosen: Any) -> list[dict[str, Any]]:
        """The rows of the item called `name`."""
        [item] = [one for one in walk(self.workbook) if one.name == name]
        result = self.results.table(item, self.results.values(**chosen)) or {}
        return [
            dict(zip([column for column, _ in result["columns"]], row, strict=True))
            for row in result.get("rows", [])
        ]

    def faults(self, case: str, **chosen: Any) -> Iterator[str]:
        """What goes wrong with the values that are chosen, in any query."""
        values = self.results.values(**chosen)
        for where, text in self.results.queries:
            result = self.results.run(where, text, values)
            if result is None:
                yield f"{case}: `{self.names[where]}` has a parameter without a value"
            elif "error" in result:
                yield f"{case}: `{self.names[where]}`: {result['error']}"

    def entering(self) -> Iterator[tuple[str, str]]:
        """Every value that a row or a list can put into a query, and where it comes from."""
        values = self.results.values()
        for where, parameter in defined(self.workbook):
            if parameter.get("type") == DROPDOWN:
                yield from (
                    (parameter["name"], one["value"])
                    for one in self.results.choices(where, parameter, values)
                )
        for item in walk(self.workbook):
            if item.kind == QUERY:
                for field, exported in exports(item):
                    yield from (
                        (exported, str(row[field])) for row in self.rows(item.name) if row[field] is not None
                    )


def hostile(path: pathlib.Path, place: pathlib.Path) -> pathlib.Path:
    """The same rows with hostile names and titles."""
    written = place / "hostile.ndjson"
    with path.open(encoding="utf-8") as lines, written.open("w", encoding="utf-8") as out:
        for line in lines:
            row = json.loads(line)
            row |= {column: HOSTILE for column in WRITTEN if row.get(column)}
            out.write(json.dumps(row) + "\n")
    return written


def breaking(preview: Preview, now: dt.datetime) -> Iterator[str]:
    """How results get out of the part of the page that holds them."""
    data = data_of(preview, now, 0)
    [held] = re.findall(r'<script id="data" type="application/json">(.*)', page(data))
    held = held.removesuffix("</script>")
    if "<" in held or json.loads(held) != json.loads(json.dumps(data)):
        yield "the page does not hold its data as they are"


def compare(proof: Proof, truths: dict[str, Any]) -> Iterator[str]:
    """Every number of the story that a tile does not show."""
    shown = {
        row["Label"]: row["Text"]
        for name in ("headline numbers", "more numbers", "resilience numbers")
        for row in proof.rows(name)
    }
    for label, expected in truths["tiles"].items():
        if shown.get(label) != str(expected):
            yield f"the tile `{label}` shows {shown.get(label)}, and the story has {expected}"
    yield from led(proof, truths)
    found = len(proof.rows("findings", Show="all"))
    if found != truths["findings"]:
        yield f"the grid of findings has {found} rows, and the story {truths['findings']} findings"


#: Tiles that count the rows of the list that they lead to.
COUNTED = (
    "Open critical findings",
    "Open high findings",
    "Overdue findings",
    "Unowned critical and high",
    "Actively monitored",
    "Paused agents",
    "Silent agents",
)


def led(proof: Proof, truths: dict[str, Any]) -> Iterator[str]:
    """Tiles that lead to something else than what they count, and what does not add up on the first screen."""
    tiles = {row["Label"]: row for name in ("headline numbers", "more numbers") for row in proof.rows(name)}
    for label in COUNTED:
        tile, expected = tiles[label], truths["tiles"][label]
        listed = "findings" if tile["Tab"] == "findings" else "AI agents"
        found = len(proof.rows(listed, Show=tile["Show"], SelState=tile["Agents"]))
        if found != expected:
            yield f"the tile `{label}` leads to {found} rows, and the story has {expected}"
    worst = proof.rows("five worst open findings")
    critical = min(5, truths["open"].get("critical", 0))
    if [row["FindingSeverity"] for row in worst[:critical]] != ["critical"] * critical or len(worst) > 5:
        yield f"the worst findings are {[row['FindingSeverity'] for row in worst]}, and {critical} are critical"
    agents = len(proof.rows("AI agents"))
    for day in proof.rows("grades by day")[-1:]:
        if sum(day[grade] for grade in "ABCDF") > agents:
            yield f"more agents have a grade on {day['Day']} than there are: {day}"
    owners = {one for name, one in proof.entering() if name == "Owner"}
    of_owners = [
        row for owner in sorted(owners) for row in proof.rows("five worst open findings", Owner=[owner])
    ]
    if {row["FindingHash"] for row in worst} - {row["FindingHash"] for row in of_owners}:
        yield "one of the worst findings is nobody's, by the list of owners"


def marked(proof: Proof) -> Iterator[str]:
    """What is wrong when somebody marks one bar of a chart by day, which stands at midnight."""
    for chart, grid in (
        ("drift by day", "events of the marked time on drift"),
        ("activity by day", "events of the marked time on the lifecycle"),
    ):
        day = dt.datetime.fromisoformat(proof.rows(chart)[0]["Day"].rstrip("Z"))
        brush = {
            "startTime": (day - dt.timedelta(hours=6)).isoformat(),
            "endTime": (day + dt.timedelta(hours=6)).isoformat(),
        }
        found = {row["EventTime"][:10] for row in proof.rows(grid, Brush=brush)}
        if found != {day.date().isoformat()}:
            yield f"the bar of {day:%F} in `{chart}` shows events of {sorted(found)}"


def agreement(proof: Proof) -> Iterator[str]:
    """Numbers that say the same in two places, and do not agree."""
    within = proof.rows("fixed within the limit")
    for key in ("Due", "DueMet"):
        sums = {
            kind: sum(row[key] for row in within if row["By"] == kind) for kind in ("", "severity", "owner")
        }
        if len(set(sums.values())) != 1:
            yield f"`fixed within the limit` has {sums} in {key}"
    numbers = {row["List"]: row for row in proof.rows("incident numbers")}
    for name in ("open", "unowned", "new"):
        shown = len(proof.rows("incidents", SelIncidents=name))
        if str(shown) != numbers[name]["Text"]:
            yield f"the tile `{numbers[name]['Label']}` has {numbers[name]['Text']}, and a click shows {shown}"
    without = len(proof.rows("open critical findings without an incident"))
    if str(without) != numbers["without"]["Text"]:
        yield f"{without} findings are without an incident, and the tile has {numbers['without']['Text']}"
    closed = sum(row["Incidents"] for row in proof.rows("closing reasons"))
    if f" of {closed} closed" not in numbers["false"]["Detail"]:
        yield f"{closed} incidents were closed for a reason, and the tile says {numbers['false']['Detail']}"
    told = next((row for row in proof.rows("findings", Show="all") if row["Incident"]), None)
    if not told:
        yield "no finding has an incident"
    elif not proof.rows("incidents of the chosen finding", SelFinding=told["FindingHash"]):
        yield f"the incident {told['Incident']} is not among those of its finding"


def main(rows: pathlib.Path, truths: dict[str, Any]) -> list[str]:
    """All that is wrong."""
    now = dt.datetime.fromisoformat(truths["until"]).astimezone(dt.UTC).replace(tzinfo=None)
    content = Sources.load()
    brush = {
        "startTime": (now - dt.timedelta(days=9)).isoformat(),
        "endTime": (now - dt.timedelta(days=2)).isoformat(),
    }
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        (place / "empty.ndjson").touch()
        proof = Proof(content, rows, now, with_incidents=True)
        projects = [value for name, value in proof.entering() if name == "Project"]
        finding = proof.rows("findings")[0]["FindingHash"]
        common = {"Brush": brush, "SelFinding": finding}
        faults = list(proof.faults("all", **common))
        faults += proof.faults(
            "one",
            **common,
            Project=projects[:1],
            Severity=["critical"],
            Owasp=["LLM01"],
            Show="all",
            SelState="paused",
            Owner=["nobody"],
            Tactic=["InitialAccess"],
        )
        faults += proof.faults(
            "several",
            **common,
            Project=projects[:3],
            Severity=["high", "unknown"],
            Owasp=["LLM01", "Unmapped"],
            Show="overdue",
            Tactic=["Impact", "Unmapped"],
        )
        faults += proof.faults("a day", **common, TimeRange={"durationMs": 86_400_000})
        faults += compare(proof, truths)
        faults += marked(proof)
        faults += agreement(proof)
        if len(proof.rows("life of the chosen finding", SelFinding=finding)) == 0:
            faults.append("a finding that was clicked has no life")
        faults += Proof(content, place / "empty.ndjson", now).faults("an empty table", **common)
        bad = Proof(content, hostile(rows, place), now)
        faults += bad.faults("hostile names", **common)
        faults += breaking(bad.results, now)
        entering = [*proof.entering(), *bad.entering()]
        faults += sorted(
            {
                f"{name} may be {value!r}, which is text"
                for name, value in entering
                if not SAFE.fullmatch(value)
            }
        )
    return faults


if __name__ == "__main__":
    problems = main(pathlib.Path(sys.argv[1]), json.loads(sys.argv[2]))
    print("\n".join(problems) or "nothing is wrong")
    sys.exit(bool(problems))
