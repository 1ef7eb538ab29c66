"""Cases of lint_cases.py for parsers, rules, hunts and their KQL."""

from __future__ import annotations

EVENTS, PROJECTS, ASIM = "HumanboundEvents.yaml", "HumanboundProjects.yaml", "ASimAgentEventHumanbound.yaml"
RULE, FEED, HUNT = "CriticalFinding.yaml", "FeedAndCoverage.yaml", "OwaspRiskAnalysis.yaml"

_FINDING = '| where FindingSeverity == "critical"'
_DETAILS = "customDetails:\n  HumanboundRule: HumanboundRule\n  EventId: EventId"
_MAPPED = "entityMappings:\n  - entityType: CloudApplication\n    fieldMappings:\n      - identifier: Name\n        columnName: Project\n"
_MANY = "".join(f"  Detail{number}: EventId\n" for number in range(11))

#: (rule, file, old, new)
#: The beginning of a summary, which the valid content has none of, and one that reads the table once more than it may.
_SUMMARY = "FunctionName: HumanboundSummary\nFunctionQuery: |\n  "
_PAUSES = _SUMMARY.replace("Summary", "Pauses")
_SEVEN = """let Events = HumanboundEvents(ago(1d));
  union Events, Events, Events, Events, Events, Events, Events
"""
#: Maps one category, and that one otherwise than anybody does.
_FRAMEWORKS = """id: 5b0e3f17-2c8d-4d3a-9e61-7f4a8c1d2e60
Function:
  Title: Frameworks
  Version: "1.0.0"
  LastUpdated: "2026-01-31"
Category: Humanbound
FunctionName: HumanboundFrameworks
FunctionAlias: HumanboundFrameworks
Description: One row.
FunctionQuery: |
  datatable(OwaspId:string, AttackTactic:string, NistAi:string, Iso42001:string, EuAiAct:string) [
      "LLM08", "Impact", "2.9 Information Security", "A.7.2", "Art. 99"
  ]
"""
SUMMARY = "sentinel/parsers/HumanboundSummary.yaml"
PAUSES = "sentinel/parsers/HumanboundPauses.yaml"
CASES: list[tuple[str, str, str, str]] = [
    # Files
    ("syntax", RULE, "kind: Scheduled", "kind: [Scheduled"),
    ("syntax", RULE, "severity: High", "severity: High\nseverity: Low"),
    ("ascii", RULE, "a new critical", "an agent\u2019s critical"),
    ("file-name", "sentinel/analytic-rules/Drift.yml", "", "id: a\n"),
    ("file-name", "sentinel/hunting-queries/drift-timeline.yaml", "", "id: a\n"),
    ("file-name-unique", "sentinel/hunting-queries/CriticalFinding.yaml", "", "id: a\n"),
    ("unknown-key", RULE, "triggerThreshold:", "triggerTreshold:"),
    (
        "unknown-key",
        RULE,
        "    reopenClosedIncident: false",
        "    reopenClosedIncident: false\n    lookback: 7d",
    ),
    ("unknown-key", HUNT, "query: |", "queryPeriod: 1d\nquery: |"),
    ("unknown-key", EVENTS, "FunctionAlias:", "FunctionAlais:"),
    ("missing-key", RULE, "severity: High\n", ""),
    ("missing-key", EVENTS, '  LastUpdated: "2026-01-31"\n', ""),
    ("value-type", RULE, 'version: "1.0.0"', "version: 1.0"),
    ("value-type", RULE, "triggerThreshold: 0", "triggerThreshold: '0'"),
    ("value-type", EVENTS, 'LastUpdated: "2026-01-31"', "LastUpdated: 2026-01-31"),
    ("id-guid", RULE, "id: 11111111-0000-4000-8000-000000000003", "id: critical-finding"),
    ("id-unique", RULE, "000000000003", "000000000005"),
    ("version-format", RULE, 'version: "1.0.0"', 'version: "1.0"'),
    ("query-block", EVENTS, "FunctionQuery: |", "FunctionQuery: >"),
    ("query-length", RULE, "  HumanboundEvents(", "  // " + "x" * 10_000 + "\n  HumanboundEvents("),
    ("branding", RULE, "Identifies a new", "Identifies in Azure Sentinel a new"),
    ("docs-locale", "sentinel/README.md", "", "https://learn.microsoft.com/en-us/azure/sentinel/\n"),
    ("logo-size", "sentinel/logo.svg", "", "<svg>" + "x" * 6000 + "</svg>\n"),
    # KQL
    ("kql-diagnostic", RULE, _FINDING, '| where FindingSevrity == "critical"'),
    ("kql-diagnostic", EVENTS, "EventTime >= startTime", "EventTime >= startTime and EventTime < endTime"),
    ("kql-diagnostic", RULE, 'eventTypes=dynamic(["finding.created"])', 'eventTypes="finding.created"'),
    ("kql-diagnostic", RULE, 'eventTypes=dynamic(["finding.created"])', 'types=dynamic(["finding.created"])'),
    ("kql-new-workspace", PROJECTS, "Archived:string) []", "Live:string) []"),
    (
        "kql-new-workspace",
        PROJECTS,
        "union isfuzzy=true\n      (datatable(ProjectId:string, ProjectName:string, Archived:string) []),\n      (_Get",
        "(_Get",
    ),
    ("kql-contains", RULE, _FINDING, '| where FindingSeverity contains "critical"'),
    ("kql-ignore-case", RULE, _FINDING, '| where FindingSeverity =~ "critical"'),
    ("kql-ignore-case", RULE, _FINDING, '| where FindingSeverity in~ ("critical")'),
    ("kql-lowercase-compare", RULE, _FINDING, '| where tolower(FindingSeverity) == "critical"'),
    ("kql-empty-text", RULE, _FINDING, '| where FindingSeverity == ""'),
    ("kql-empty-text", RULE, _FINDING, '| where FindingSeverity != ""'),
    ("kql-null-text", RULE, _FINDING, "| where isnull(FindingSeverity)"),
    ("kql-null-text", RULE, _FINDING, "| where isnotnull(FindingSeverity)"),
    ("kql-number-text", RULE, _FINDING, "| where FindingSeverity in (1, 2)"),
    ("kql-number-text", RULE, _FINDING, '| where strlen(FindingSeverity) != "5"'),
    ("kql-two-types", RULE, _FINDING, "| union (HumanboundEvents(ago(1h)) | project EventId = 1)"),
    ("kql-week-bin", RULE, _FINDING, "| where bin(EventTime, 7d) < now()"),
    ("kql-date-text", RULE, _FINDING, '| where EventTime > todatetime("01/02/2026")'),
    ("kql-date-text", RULE, _FINDING, "| where EventTime > datetime(2024-13-45)"),
    (
        "kql-estimate",
        RULE,
        _FINDING,
        "| where toscalar(HumanboundEvents(ago(1h)) | summarize n = dcount(EventId) == 2)",
    ),
    ("kql-search-all", RULE, _FINDING, '| where * has "critical"'),
    ("kql-search-all", PROJECTS, "(_GetWatchlist(", "(union * | take 1), (_GetWatchlist("),
    ("kql-ingestion-time", RULE, _FINDING, "| where ingestion_time() > ago(1h)"),
    ("kql-ingestion-time", EVENTS, "  | extend IngestionTime", "  | where true\n  | extend IngestionTime"),
    ("kql-events-filter", FEED, "HumanboundEvents(ago(14d))", "HumanboundEvents()"),
    (
        "kql-raw-table",
        RULE,
        'HumanboundEvents(eventTypes=dynamic(["finding.created"]))',
        "AISecurityEvents_CL",
    ),
    (
        "kql-watchlist",
        RULE,
        "(HumanboundProjects())",
        '(_GetWatchlist("HumanboundProjects") | project ProjectId, Project = ProjectName)',
    ),
    ("kql-watchlist", PROJECTS, '_GetWatchlist("HumanboundProjects")', '_GetWatchlist("Projects")'),
    (
        "kql-incident-latest",
        "Dashboard.json",
        "| summarize arg_max(TimeGenerated, *) by IncidentNumber",
        "| distinct IncidentNumber",
    ),
    (
        "kql-materialize",
        HUNT,
        "  HumanboundEvents(now() - 2 * lookback)",
        "  let All = HumanboundEvents(now() - 2 * lookback);\n  union All, All",
    ),
    ("kql-filter-late", RULE, _FINDING, f"| extend Text = Description\n  {_FINDING}"),
    # Names, ATT&CK, entities, columns
    ("name-length", RULE, "critical finding on an agent", "critical finding on an agent that somebody uses"),
    ("name-style", RULE, "critical finding on an agent", "Critical Finding"),
    ("name-style", HUNT, "OWASP risk by agent", "suspicious risk by agent"),
    (
        "description-length",
        RULE,
        "Identifies a new critical finding.",
        "Identifies a new critical finding" + " again" * 1000 + ".",
    ),
    ("description-start", RULE, "Identifies a", "Finds a"),
    (
        "description-sentences",
        RULE,
        "Identifies a new critical finding.",
        "Identifies a new critical finding. Then. Go. On. And on.",
    ),
    ("connector", RULE, "connectorId: Humanbound", "connectorId: Humanbond"),
    ("connector", RULE, "- AISecurityEvents_CL", "- AISecurityEvent_CL"),
    ("tactic", RULE, "  - InitialAccess\n", "  - InitialAccess\n  - Initial Access\n"),
    ("technique-known", RULE, "- T1190", "- AML.T0051"),
    ("technique-known", RULE, "- T1190", "- T1650"),
    ("technique-tactic-any", RULE, "  - InitialAccess\n", ""),
    ("technique-tactic-all", HUNT, "  - CredentialAccess\n", ""),
    ("technique-doubtful", RULE, "- T1190", "- T1190\n  - T1609"),
    ("technique-missing", RULE, "relevantTechniques:\n  - T1190\n  - T1059.006", "relevantTechniques: []"),
    ("entity-count", HUNT, "entityMappings:", "tags: []\nentityMappings: []\nstatus: |"),
    ("entity-count", RULE, _MAPPED, _MAPPED + "      - identifier: AppId\n        columnName: EventId\n" * 2),
    (
        "entity-type",
        RULE,
        "entityMappings:",
        "entityMappings:\n  - entityType: Agent\n    fieldMappings:\n      - identifier: Name\n        columnName: Project",
    ),
    ("entity-identifier", RULE, "identifier: InstanceName", "identifier: Instance"),
    ("entity-required", RULE, "      - identifier: Name\n        columnName: Project\n", ""),
    ("entity-application", RULE, "entityType: CloudApplication", "entityType: Account"),
    ("column-missing", RULE, "columnName: ProjectId", "columnName: ProjectID"),
    ("column-missing", RULE, "EventId: EventId", "EventId: EventID"),
    ("column-missing", RULE, "{{AlertTitle}}", "{{Title}}"),
    ("column-missing", RULE, "alertSeverityColumnName: AlertSeverity", "alertSeverityColumnName: Severity"),
    ("column-type", RULE, "columnName: ProjectId", "columnName: EventTime"),
    ("column-type", RULE, "Dimension: Dimension", "Dimension: Data"),
    ("column-type", RULE, "alertTacticsColumnName: AlertTactics", "alertTacticsColumnName: EventTime"),
    # Rules
    ("rule-kind", RULE, "kind: Scheduled", "kind: NRT"),
    ("rule-severity", RULE, "severity: High", "severity: Critical"),
    ("rule-schedule", RULE, "queryFrequency: 5m", "queryFrequency: 4m"),
    ("rule-schedule", RULE, "queryPeriod: 47h", "queryPeriod: 15d"),
    ("rule-schedule", RULE, "queryFrequency: 5m", "queryFrequency: PT5M"),
    ("rule-schedule", RULE, "queryFrequency: 5m", "queryFrequency: 10d"),
    ("rule-long-period", RULE, "queryPeriod: 47h", "queryPeriod: 48h"),
    ("rule-trigger", RULE, "triggerOperator: gt", "triggerOperator: ge"),
    ("rule-trigger", RULE, "triggerThreshold: 0", "triggerThreshold: 10001"),
    (
        "rule-suppression",
        RULE,
        "triggerThreshold: 0",
        "triggerThreshold: 0\nsuppressionEnabled: true\nsuppressionDuration: 5h",
    ),
    ("rule-old-columns", RULE, "| extend AlertTitle", '| extend AccountCustomEntity = "", AlertTitle'),
    ("custom-detail-count", RULE, _DETAILS, _DETAILS.replace("customDetails:\n", "customDetails:\n" + _MANY)),
    (
        "custom-detail-key",
        RULE,
        "  AtlasTechnique: AtlasTechnique",
        "  AtlasTechniqueOfTheFinding: AtlasTechnique",
    ),
    ("custom-detail-value", RULE, "  AtlasTechnique: AtlasTechnique", "  AtlasTechnique: Data.technique"),
    ("override-length", RULE, '"{{AlertTitle}}"', '"{{AlertTitle}}' + "x" * 256 + '"'),
    (
        "override-placeholders",
        RULE,
        '"{{AlertTitle}}"',
        '"{{AlertTitle}} {{Project}} {{EventId}} {{OwaspId}}"',
    ),
    ("override-null", RULE, "alertTacticsColumnName: AlertTactics", "alertTacticsColumnName:"),
    ("event-grouping", RULE, "aggregationKind: AlertPerResult", "aggregationKind: PerResult"),
    ("metrics-name", RULE, "name: Humanbound critical", "name: A critical"),
    ("metrics-enabled", RULE, "kind: Scheduled", "kind: Scheduled\nenabled: false"),
    ("metrics-enabled", FEED, "enabled: false", "enabled: true"),
    ("budget", SUMMARY, "", _SUMMARY + _SEVEN),
    (
        "budget",
        SUMMARY,
        "",
        f"{_SUMMARY}AISecurityEvents_CL | summarize hint.shufflekey=EventId arg_min(ReceivedTime, *) by EventId\n",
    ),
    (
        "budget",
        SUMMARY,
        "",
        f"{_SUMMARY}let All = materialize(AISecurityEvents_CL | take 9);\n  All | count\n",
    ),
    (
        "budget",
        SUMMARY,
        "",
        f"{_SUMMARY}AISecurityEvents_CL | lookup (AISecurityEvents_CL | distinct FindingKey, OwaspId) on FindingKey\n",
    ),
    ("budget", SUMMARY, "", f"{_SUMMARY}AISecurityEvents_CL | summarize count() by FindingKey\n"),
    # A parser that the first screen does not ask has a budget too.
    (
        "budget",
        PAUSES,
        "",
        f"{_PAUSES}AISecurityEvents_CL | join kind=leftouter (AISecurityEvents_CL | project ProjectId, EventTime) on ProjectId\n",
    ),
    ("budget", PAUSES, "", _PAUSES + _SEVEN.replace("union Events", "union Events, Events")),
    ("metrics-schedule", RULE, "queryPeriod: 47h", "queryPeriod: 24h"),
    ("metrics-schedule", FEED, "queryFrequency: 1h", "queryFrequency: 2h"),
    ("metrics-trigger", RULE, "triggerThreshold: 0", "triggerThreshold: 1"),
    ("metrics-trigger", RULE, "aggregationKind: AlertPerResult", "aggregationKind: SingleAlert"),
    ("metrics-override", RULE, "  alertTacticsColumnName: AlertTactics\n", ""),
    ("metrics-details", RULE, "  OwaspId: OwaspId\n", ""),
    ("metrics-grouping", RULE, "      - FindingHash\n", ""),
    ("metrics-grouping", RULE, "reopenClosedIncident: false", "reopenClosedIncident: true"),
    ("metrics-grouping", RULE, "lookbackDuration: 7d", "lookbackDuration: 5h"),
    ("metrics-grouping", RULE, "matchingMethod: Selected", "matchingMethod: AllEntities"),
    ("metrics-grouping", RULE, "groupByEntities: []", "groupByEntities: [CloudApplication]"),
    ("metrics-grouping", RULE, "createIncident: true", "createIncident: false"),
    (
        "metrics-next-step",
        RULE,
        "Identifies a new critical finding.\n  What to do next: open it.\n",
        "Identifies a new critical finding.\n",
    ),
    ("metrics-next-step", RULE, "    What to do next: open it.\n", ""),
    # Hunts
    ("hunt-parameters", HUNT, "let lookback = 90d;", "let lookback = 30d;"),
    ("hunt-parameters", HUNT, "  let projectFilter = '*';\n", ""),
    ("hunt-parameters", HUNT, "  | where projectFilter == '*' or ProjectId == projectFilter\n", ""),
    ("hunt-entity-columns", HUNT, ", CloudApplication_0_Name = ProjectId", ""),
    ("hunt-entity-name", HUNT, "project OwaspId,", "project OwaspId, Agent_0_Name = ProjectId,"),
    ("hunt-entity-name", HUNT, "project OwaspId,", "project OwaspId, CloudApplication_0_InstanceName = Now,"),
    (
        "hunt-entity-mapped",
        HUNT,
        "project OwaspId,",
        "project OwaspId, CloudApplication_0_InstanceName = ProjectId,",
    ),
    (
        "hunt-entity-mapped",
        HUNT,
        "      - identifier: Name\n        columnName: Account_0_Name",
        "      - identifier: FullName\n        columnName: Account_0_Name",
    ),
    # Parsers
    ("parser-spelling", ASIM, "ParserName: ", "FunctionName: Other\nParserName: "),
    ("parser-name", EVENTS, "FunctionAlias: HumanboundEvents", "FunctionAlias: HumanboundEvent"),
    ("parser-updated", EVENTS, '"2026-01-31"', '"31-01-2026"'),
    ("parser-parameter", EVENTS, "Type: dynamic", "Type: list"),
    ("parser-parameter", EVENTS, "\n    Default: dynamic([])", ""),
    ("parser-default", EVENTS, "Default: datetime(null)", "Default: now()"),
    ("parser-default", ASIM, "Default: false", "Default: maybe"),
    ("parser-parameter-used", ASIM, "  | where not(disabled)\n", ""),
    ("atlas-id", EVENTS, "AML.T0012", "AML.T9999"),
    ("owasp-id", RULE, "Identifies a new", "Identifies for LLM11 a new"),
    ("owasp-complete", EVENTS, '      "LLM10", "Unbounded Consumption", "AML.T0029", "Impact",\n', ""),
    ("owasp-name", EVENTS, '"Prompt Injection"', '"Prompt Injections"'),
    ("owasp-name", EVENTS, '"Prompt Injection", "AML.T0051"', '"Prompt Injection", "AML.T0057"'),
    (
        "owasp-name",
        EVENTS,
        '"Prompt Injection", "AML.T0051", "InitialAccess"',
        '"Prompt Injection", "AML.T0051", "Initial Access"',
    ),
    (
        "owasp-mapping",
        EVENTS,
        '"Unbounded Consumption", "AML.T0029", "Impact"',
        '"Unbounded Consumption", "AML.T0029", "Execution"',
    ),
    ("owasp-mapping", "sentinel/parsers/HumanboundFrameworks.yaml", "", _FRAMEWORKS),
]
