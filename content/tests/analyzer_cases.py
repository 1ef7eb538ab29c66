"""Proves that the analyzer can fail, and that it does not where it must not.

    target/tools/venv/bin/python -B content tests.analyzer_cases

The queries run against valid/. Exits with 1 when a broken one is not flagged with its code, or a right one is.
"""

from __future__ import annotations

import sys

from hb_content.documents.files import Content
from hb_content.kql.analyzer import analyze

from tests import lint_cases

#: What is wrong, by the code that says so.
BROKEN = [
    ("KS142", "a column that is not there", "HumanboundEvents() | project FindingSevrity"),
    (
        "KS142",
        "a column that project took away",
        "HumanboundEvents() | project EventId | where isnotempty(ProjectId)",
    ),
    (
        "KS142",
        "a column of a function that project took away",
        "HumanboundProjects() | where ProjectName == 'a'",
    ),
    ("KS204", "a table that is not there", "AISecurityEvent_CL | count"),
    ("KS211", "a function that is not there", "HumanboundEvent() | count"),
    ("KS141", "a condition that is no condition", "HumanboundEvents() | where FindingSeverity"),
    (
        "KS127",
        "a text where a number or time must be",
        "HumanboundEvents() | where isempty(bin(FindingSeverity, 1d))",
    ),
    ("KS116", "a dynamic value to group by", "HumanboundEvents() | summarize count() by Data.grade"),
    ("KS119", "too many arguments", "HumanboundEvents(now(), dynamic([]), 1) | count"),
    ("KS196", "an argument that no parameter has", "HumanboundEvents(types=dynamic([])) | count"),
    ("KS006", "a query that stops", "HumanboundEvents() | where "),
    (
        "KS205",
        "a warning: a fuzzy union with a table that is never there",
        "union isfuzzy=true HumanboundEvents(), Missing",
    ),
    ("HB001", "a text for a list of types", "HumanboundEvents(eventTypes='finding.created') | count"),
    ("HB001", "a number for a time, by position", "HumanboundEvents(90) | count"),
    (
        "HB001",
        "a number for a text, of a function in the query",
        "let f = (id:string) { HumanboundEvents() | where ProjectId == id }; f(3)",
    ),
    (
        "HB003",
        "a text that is asked whether it is null",
        "HumanboundEvents() | where isnull(FindingSeverity)",
    ),
    ("HB004", "a text compared with numbers", "HumanboundEvents() | where FindingSeverity in (1, 2)"),
    (
        "late KS142",
        "a watchlist without the empty table beside it",
        "_GetWatchlist('HumanboundProjects') | where ProjectId == 'a'",
    ),
    ("late KS204", "alerts without a fuzzy union", "SecurityAlert | count"),
    (
        "late HB002",
        "a column that only the watchlist gives",
        "union isfuzzy=true (datatable(ProjectId:string)[]), (_GetWatchlist('HumanboundProjects')) | extend Later = 1",
    ),
]

#: Idioms that are right.
RIGHT = [
    "HumanboundEvents() | summarize arg_min(ReceivedTime, *), Copies = count() by EventId | project EventId, Copies, Severity",
    "HumanboundEvents(eventTypes=dynamic(['finding.created'])) | where tostring(Data.severity_label) == 'critical'",
    "HumanboundEvents(ago(7d), dynamic(['drift.detected'])) | summarize count() by ProjectId, bin(EventTime, 1d)",
    "HumanboundEvents() | where isnull(FirstSeenTime) or ReceivedTime - FirstSeenTime <= 24h",
    "let New = materialize(HumanboundEvents(ago(1h))); let Total = toscalar(New | count); union (New | where Total > 25), (New | where Total <= 25)",
    "union isfuzzy=true (datatable(ProjectId:string, ProjectName:string)[]), (_GetWatchlist('HumanboundProjects')) | project ProjectId, ProjectName",
    (
        "union isfuzzy=true (datatable(TimeGenerated:datetime, IncidentNumber:int, AlertIds:dynamic)[]), SecurityIncident"
        " | summarize arg_max(TimeGenerated, *) by IncidentNumber | mv-expand AlertId = AlertIds to typeof(string) | project AlertId"
    ),
    "HumanboundEvents() | summarize Titles = make_set(EventTitle, 50) by ProjectId | extend Text = strcat_array(Titles, ', ')",
    "HumanboundEvents() | lookup kind=leftouter (HumanboundProjects()) on ProjectId | project Project, EventId",
    "let isNew = (at:datetime, limit:timespan) { now() - at <= limit }; HumanboundEvents() | where isNew(EventTime, 1d)",
    "let half = (value:real) { value / 2 }; HumanboundEvents() | extend Half = half(SeverityRank)",
    "HumanboundEvents() | make-series count() default=0 on EventTime from ago(7d) to now() step 1d by ProjectId",
]

#: What the analyzer is known not to see: scenarios and the linter are there for these. When one is seen, move it up.
BLIND = [
    "HumanboundEvents() | where tostring(Data.no_such_member) == 'a'",
    "HumanboundEvents() | summarize count() by EventId | where ingestion_time() > ago(1h)",
    "HumanboundEvents() | where EventTime > datetime(2024-13-45)",
]


def codes(content: Content) -> list[set[str]]:
    """The codes for BROKEN, RIGHT and BLIND, in order; those of a new workspace are `late KS…`."""
    queries = [query for _, _, query in BROKEN] + RIGHT + BLIND
    names = [f"infra/alerts/case-{index:03}.kql" for index in range(len(queries))]
    result = analyze([Content(content.files | dict(zip(names, queries, strict=True)))])[0]
    return [
        {item["code"] for item in result[name]["diagnostics"]}
        | {f"late {item['code']}" for item in result[name]["late"]}
        for name in names
    ]


def main() -> int:
    """The command."""
    found = codes(Content(lint_cases.valid()))
    problems = [
        f"{what}: {code} expected, {', '.join(sorted(actual)) or 'nothing'} found: {query}"
        for (code, what, query), actual in zip(BROKEN, found, strict=False)
        if code not in actual
    ]
    wrong = zip([*RIGHT, *BLIND], found[len(BROKEN) :], strict=True)
    problems += [f"{', '.join(sorted(actual))} is not expected: {query}" for query, actual in wrong if actual]
    print(
        "\n".join(problems)
        if problems
        else f"{len(BROKEN)} broken queries flagged, {len(RIGHT)} right ones not"
    )
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
