"""As many rows as wanted, made up by the database itself: two years of events of 200 agents.

Everything hangs on the number of a row, so that the same number of rows is the same table each time. A block of 20 rows
holds the lives of three findings, what else an agent has to say, and a heartbeat; each 50th row is a copy of the one before.
"""

from __future__ import annotations

import datetime as dt

from hb_content.kql.engine import Engine
from hb_content.kql.functions import INGESTED

AGENTS, DAYS, BLOCK = 200, 730, 20

#: The steps of a block's rows, with the finding of the block, and days after the block's time.
_STEPS = (
    ("finding.created", 0, 0.0),
    ("finding.assigned", 0, 0.4),
    ("finding.acknowledged", 0, 1.5),
    ("finding.resolution_failed", 0, 4.0),
    ("finding.resolution_verified", 0, 6.5),
    ("finding.regressed", 0, 24.0),
    ("finding.created", 1, 0.1),
    ("finding.assigned", 1, 2.0),
    ("finding.resolution_verified", 1, 12.0),
    ("finding.created", 2, 0.2),
    ("finding.assigned", 2, 3.0),
    ("finding.acknowledged", 2, 5.0),
    ("campaign.completed", -1, 0.0),
    ("posture.grade_changed", -1, 0.05),
    ("drift.detected", -1, 0.3),
    ("ascam.activity_started", -1, 0.0),
    ("ascam.phase_changed", -1, 0.02),
    ("quality.degraded", -1, 0.5),
    ("ascam.paused", -1, 0.6),
    ("connector.heartbeat", -1, 0.0),
)

_SQL = f"""
INSERT INTO base BY NAME
WITH steps(place, kind, finding, after) AS (VALUES {{steps}}),
numbered AS (
    SELECT i, i - (i % 50 = 49)::INT AS source FROM range($count) t(i)
),
placed AS (
    SELECT *, source // {BLOCK} AS block, md5('agent' || (hash(source // {BLOCK}) % {AGENTS})) AS agent,
        ($count - 1) // {BLOCK} - source // {BLOCK} AS blocks_left
    FROM numbered JOIN steps ON source % {BLOCK} = place
),
timed AS (
    SELECT *, least($now - to_seconds(blocks_left * {DAYS * 86400.0} / ($count // {BLOCK} + 1) - after * 86400),
        $now - to_seconds(60 + source % 1000)) AS told,
        md5('finding' || block || '.' || finding) AS key, finding >= 0 AS is_finding,
        split_part(kind, '.', 1) AS family,
        ['critical', 'high', 'medium', 'low', 'info'][1 + (block + finding) % 5] AS level
    FROM placed
),
kept AS (
    -- A resumption follows at least two pauses of three.
    SELECT * REPLACE (CASE WHEN kind = 'ascam.paused' AND block % 3 > 0 THEN 'ascam.resumed' ELSE kind END AS kind) FROM timed
)
SELECT
    told AS "TimeGenerated", told AS "EventTime", strftime(told, '%Y-%m-%dT%H:%M:%SZ') AS "OriginalTimestamp",
    told + to_seconds(2 + (i - source) * 3600) AS "ReceivedTime", told + to_seconds(62 + (i - source) * 3600) AS "{INGESTED}",
    md5('event' || source) AS "EventId", kind AS "EventType", family AS "EventFamily",
    CASE WHEN family = 'connector' THEN '' ELSE md5('organisation') END AS "OrganisationId",
    CASE WHEN family = 'connector' THEN '' ELSE agent END AS "ProjectId",
    CASE WHEN is_finding THEN level ELSE 'info' END AS "Severity", 1 AS "SeverityRank",
    'Event ' || kind || ' of an agent, as a person reads it' AS "EventTitle",
    'What happened, in a sentence or two of ordinary length, such as a platform sends with each of its events: ' || kind AS "Description",
    CASE WHEN is_finding THEN level ELSE '' END AS "FindingSeverity",
    CASE WHEN is_finding THEN 'Prompt injection of kind ' || block % 40 ELSE '' END AS "FindingTitle",
    CASE WHEN is_finding THEN 'prompt_injection' ELSE '' END AS "Category",
    CASE WHEN is_finding THEN 'class_' || block % 12 ELSE '' END AS "ThreatClass",
    CASE WHEN is_finding THEN 'LLM0' || 1 + block % 9 ELSE '' END AS "OwaspCategory",
    CASE WHEN is_finding THEN 'LLM0' || 1 + block % 9 ELSE '' END AS "OwaspId",
    CASE WHEN is_finding THEN key ELSE '' END AS "FindingId", CASE WHEN is_finding THEN key ELSE '' END AS "FindingKey",
    CASE WHEN is_finding THEN 'open' ELSE '' END AS "FindingStatus",
    CASE WHEN is_finding THEN told - to_hours(1) END AS "FirstSeenTime",
    CASE WHEN is_finding THEN (1 + block % 7)::INT END AS "OccurrenceCount",
    CASE WHEN kind = 'finding.assigned' THEN md5('person' || block % 30) ELSE '' END AS "AssigneeId",
    CASE WHEN kind = 'finding.assigned' THEN 'person' || block % 30 || '@example.com' ELSE '' END AS "AssigneeName",
    CASE WHEN family IN ('campaign', 'posture') THEN ['A', 'B', 'C', 'D', 'F'][1 + block % 5] ELSE '' END AS "PreviousGrade",
    CASE WHEN family IN ('campaign', 'posture') THEN ['A', 'B', 'C', 'D', 'F'][1 + (block + 1) % 5] ELSE '' END AS "CurrentGrade",
    CASE WHEN family IN ('campaign', 'posture', 'quality') THEN 50.0 + block % 50 END AS "PreviousScore",
    CASE WHEN family IN ('campaign', 'posture', 'quality') THEN 50.0 + (block + 7) % 50 END AS "CurrentScore",
    CASE WHEN family = 'drift' THEN 0.3 END AS "DriftScore",
    CASE WHEN family = 'campaign' THEN md5('campaign' || block) ELSE '' END AS "CampaignId",
    CASE WHEN family = 'campaign' THEN 'completed' ELSE '' END AS "CampaignStatus",
    CASE WHEN family = 'campaign' THEN 200 END AS "TestCount", CASE WHEN family = 'campaign' THEN 3 END AS "FindingsDiscovered",
    CASE WHEN family = 'campaign' THEN told - to_hours(2) END AS "StartedTime", CASE WHEN family = 'campaign' THEN told END AS "CompletedTime",
    CASE WHEN family = 'connector' THEN '{{{{"site": "humanbound-func"}}}}' ELSE
        '{{{{"status": "open", "experiment_id": "' || md5('e' || source) || '", "note": "' || repeat('an ordinary sentence of a person, ', 12) || '"}}}}'
    END::JSON AS "Data",
    '1.0.0' AS "ConnectorVersion"
FROM kept
"""


def fill(engine: Engine, count: int, now: dt.datetime) -> None:
    """Puts `count` rows into the table, and most of the agents on the watchlist."""
    steps = ", ".join(
        f"({place}, '{kind}', {finding}, {after})" for place, (kind, finding, after) in enumerate(_STEPS)
    )
    connection = engine.connection
    for name, kind in engine.content.kinds:
        if kind == "string":  # What is missing is empty in Kusto.
            connection.execute(f"ALTER TABLE base ALTER \"{name}\" SET DEFAULT ''")
    connection.execute(_SQL.format(steps=steps), {"count": count, "now": now})
    agents = connection.execute(
        'SELECT DISTINCT "ProjectId" FROM base WHERE "ProjectId" != \'\' ORDER BY 1'
    ).fetchall()
    engine.set_watchlist(
        [
            {"ProjectId": agent, "ProjectName": f"Agent {at}", "Owner": "team", "Criticality": "high"}
            for at, [agent] in enumerate(agents[: AGENTS * 3 // 4])
        ]
    )
