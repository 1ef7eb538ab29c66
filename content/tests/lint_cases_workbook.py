"""Cases of lint_cases.py for workbooks."""

from __future__ import annotations

BOOK = "Dashboard.json"

_QUERY = "| where EventTime < {TimeRange:end} and"
_PARAMETER = '"name": "Project", "label": "Project", '
_LONG = "".join(
    f'{{"type": 1, "name": "text {number}", "content": {{"json": "x"}}}}, ' for number in range(100)
)
_MANY = "".join(
    f'{{"type": 3, "name": "copy {number}", "content": {{"version": "KqlItem/1.0", "query": "HumanboundProjects()", '
    '"timeContextFromParameter": "History"}}, '
    for number in range(40)
)

_ITEMS = '"items": [\n    {"type": 9,'
_LOG = '"content": {"version": "KqlItem/1.0", "query": "HumanboundProjects()", "timeContextFromParameter": "History"}'
#: With three that are there, more than the first visit may ask: by showing, and by being merged into what shows.
_SHOWN = "".join(f'{{"type": 3, "name": "copy {number}", {_LOG}}}, ' for number in range(4))
_HIDDEN = '"conditionalVisibility": {"parameterName": "Tab", "comparison": "isEqualTo", "value": "none"}'
_MERGED = "".join(
    f'{{"type": 3, "name": "copy {number}", {_HIDDEN}, {_LOG}}}, {{"type": 3, "name": "merge {number}", "content": '
    f'{{"version": "KqlItem/1.0", "queryType": 7, "query": "{{\\"merges\\":[{{\\"leftTable\\":\\"copy {number}\\"}}]}}"}}}}, '
    for number in range(4)
)

#: A query that reads the table once more than any may.
_DEAR = _LOG.replace("HumanboundProjects()", f"union {', '.join(['HumanboundEvents()'] * 8)} | count")

#: (rule, file, old, new)
CASES: list[tuple[str, str, str, str]] = [
    ("syntax", BOOK, '"version": "Notebook/1.0",', '"version": "Notebook/1.0"'),
    (
        "kql-diagnostic",
        BOOK,
        "project FindingKey, FindingTitle, Severity",
        "project FindingKey, FindingName, Severity",
    ),
    ("kql-diagnostic", BOOK, 'dynamic([\\"finding.created\\"])', '\\"finding.created\\"'),
    (
        "kql-new-workspace",
        BOOK,
        "union isfuzzy=true (datatable(TimeGenerated:datetime, IncidentNumber:int, Title:string)[]), ",
        "",
    ),
    (
        "kql-raw-table",
        BOOK,
        "HumanboundEvents({TimeRange:start}) | distinct",
        "AISecurityEvents_CL | distinct",
    ),
    ("id-unique", BOOK, "22222222-0000-4000-8000-000000000006", "22222222-0000-4000-8000-000000000005"),
    ("wb-schema", BOOK, "schema/workbook.json", "schema/book.json"),
    ("wb-unknown-key", BOOK, '"noDataMessageStyle"', '"noDataMesageStyle"'),
    ("wb-unknown-key", BOOK, '"rowLimit": 1000, "filter"', '"rowLimit": 1000, "filters"'),
    (
        "wb-unknown-key",
        BOOK,
        '"type": 1, "name": "selected finding"',
        '"type": 99, "name": "selected finding"',
    ),
    ("wb-unknown-key", BOOK, '"isRequired": true', '"required": true'),
    ("wb-item-name", BOOK, '"name": "findings grid", ', ""),
    ("wb-item-name", BOOK, '"name": "findings grid"', '"name": "query - 3"'),
    ("wb-item-name", BOOK, '"name": "findings grid"', '"name": "finding tiles"'),
    ("wb-parameter-label", BOOK, _PARAMETER, '"name": "Project", '),
    ("wb-parameter-id", BOOK, "22222222-0000-4000-8000-000000000004", "project"),
    ("wb-parameter-used", BOOK, " and ('*' in ({Project}) or ProjectId in ({Project}))", ""),
    ("wb-parameter-defined", BOOK, "ProjectId in ({Project})", "ProjectId in ({Projects})"),
    (
        "wb-parameter-defined",
        BOOK,
        '"type": 11, "name": "tabs", ',
        '"type": 11, "name": "tabs", "conditionalVisibility": {"parameterName": "SelFinding", "comparison": "isEqualTo", "value": ""}, ',
    ),
    (
        "wb-hidden-azure",
        BOOK,
        '"fallbackResourceIds": []',
        '"fallbackResourceIds": ["/subscriptions/22222222-0000-4000-8000-000000000004"]',
    ),
    (
        "wb-hidden-azure",
        BOOK,
        "HumanboundEvents({TimeRange:start}) | distinct",
        "workspace('central').HumanboundEvents({TimeRange:start}) | distinct",
    ),
    ("wb-first-visit", BOOK, _ITEMS, f'"items": [{_SHOWN}\n    {{"type": 9,'),
    ("wb-first-visit", BOOK, _ITEMS, f'"items": [{_MERGED}\n    {{"type": 9,'),
    ("budget", BOOK, _ITEMS, f'"items": [{{"type": 3, "name": "dear", {_DEAR}}},\n    {{"type": 9,'),
    ("wb-size", BOOK, '"items": [\n    {"type": 9,', f'"items": [{_LONG}\n    {{"type": 9,'),
    ("wb-size", BOOK, '"Finding {SelFinding}"', '"Finding {SelFinding}' + "x" * 130_000 + '"'),
    ("wb-template-id", BOOK, "sentinel-HumanboundDashboard", "sentinel-Humanbound Dashboard"),
    ("wb-template-id", BOOK, "sentinel-HumanboundDashboard", "sentinel-UserWorkbook"),
    ("wb-tabs", BOOK, '"subTarget": "incidents"', '"subTarget": "incident"'),
    (
        "wb-tabs",
        BOOK,
        '"isHiddenWhenLocked": true, "value": "findings"',
        '"isHiddenWhenLocked": true, "value": "first"',
    ),
    (
        "wb-time-context",
        BOOK,
        '"noDataMessageStyle": 3, ',
        '"noDataMessageStyle": 3, "timeContext": {"durationMs": 1}, ',
    ),
    (
        "wb-time-context",
        BOOK,
        '"noDataMessageStyle": 3, "timeContextFromParameter": "History"',
        '"noDataMessageStyle": 3, "timeContextFromParameter": "TimeRange"',
    ),
    (
        "wb-time-context",
        BOOK,
        '"selectAllValue": "*"}, "timeContextFromParameter": "History", ',
        '"selectAllValue": "*"}, ',
    ),
    (
        "wb-history",
        BOOK,
        '"durationMs": 63072000000}, "typeSettings"',
        '"durationMs": 2592000000}, "typeSettings"',
    ),
    (
        "wb-event-time",
        BOOK,
        "HumanboundEvents({TimeRange:start}) | distinct",
        "HumanboundEvents(ago(90d)) | distinct",
    ),
    (
        "wb-grid-export",
        BOOK,
        '"parameterType": 1, "defaultValue": ""}], "showExportToExcel": true',
        '"parameterType": 1, "defaultValue": ""}], "showExportToExcel": false',
    ),
    ("wb-grid-limit", BOOK, '"rowLimit": 1000, "filter"', '"filter"'),
    ("wb-no-data", BOOK, '"noDataMessage": "No incidents.", ', ""),
    ("wb-title", BOOK, '"title": "Incidents", ', ""),
    (
        "wb-tiles",
        BOOK,
        '| extend Tiles = pack_array(bag_pack(\\"T\\", \\"Critical\\", \\"V\\", Critical), bag_pack(\\"T\\", \\"Regressed\\", \\"V\\", Regressed))\\n| mv-expand Tiles\\n| project Title = tostring(Tiles.T), Value = tolong(Tiles.V)',
        '| project Title = \\"Critical\\", Value = Critical, Regressed',
    ),
    ("wb-column-match", BOOK, '"columnMatch": "Severity"', '"columnMatch": "FindingSeverity"'),
    (
        "wb-column-match",
        BOOK,
        '"columnMatch": "Severity", "formatter": 18, "formatOptions": {',
        '"columnMatch": "Severity", "formatter": 7, "formatOptions": {"linkTarget": "Url", "linkColumn": "Url", ',
    ),
    ("wb-export-field", BOOK, '"fieldName": "FindingKey"', '"fieldName": "FindingId"'),
    ("wb-query-count", BOOK, '"items": [\n    {"type": 9,', f'"items": [{_MANY}\n    {{"type": 9,'),
    (
        "wb-query-length",
        BOOK,
        _QUERY,
        "| where Description != '" + "x" * 3000 + "' and EventTime < {TimeRange:end} and",
    ),
    (
        "wb-query-real",
        BOOK,
        "HumanboundEvents({TimeRange:start}) | distinct ProjectId",
        "datatable(ProjectId:string)['a']",
    ),
    ("wb-query-real", BOOK, "HumanboundEvents({TimeRange:start}) | distinct ProjectId", "{Tab}"),
    (
        "wb-threshold-text",
        BOOK,
        '"representation": "Sev0", "text": "{0}{1}"',
        '"representation": "Sev0", "text": ""',
    ),
    ("wb-chart-aggregation", BOOK, '"aggregation": 3, ', ""),
    ("wb-chart-scores", BOOK, ', "showMetrics": false', ""),
    ("wb-chart-scores", BOOK, '"createOtherGroup": 0', '"createOtherGroup": 10'),
]
