"""The demo's rows as a table.

The demo sends 90 days within seconds. A workspace that had been there all the time would have had each event when it
happened, so that is when it arrives here; what the connector says of itself moves to the end of the story.
"""

from __future__ import annotations

import datetime as dt
import pathlib

from hb_content.kql.engine import TYPES, Engine
from hb_content.kql.functions import INGESTED


def load(engine: Engine, path: pathlib.Path, now: dt.datetime) -> int:
    """Fills the table from a file of JSON lines; says how many rows there are."""
    connection = engine.connection
    columns = engine.content.kinds
    types = ", ".join(f"'{name}': '{TYPES[kind]}'" for name, kind in columns)
    # A string that is missing is empty in Kusto.
    listed = ", ".join(
        f'coalesce("{name}", \'\') AS "{name}"' if kind == "string" else f'"{name}"' for name, kind in columns
    )
    connection.execute(
        f'CREATE OR REPLACE TABLE base AS SELECT {listed}, "ReceivedTime" AS "{INGESTED}" '
        f"FROM read_json('{str(path).replace(chr(39), chr(39) * 2)}', format='newline_delimited', columns={{{types}}}) "
        'ORDER BY "EventTime", "EventId"'
    )
    connection.execute(
        """UPDATE base SET "EventTime" = "EventTime" + (?::TIMESTAMP - (SELECT max("ReceivedTime") FROM base))
        WHERE "EventFamily" = 'connector'""",
        [now],
    )
    for column in ("TimeGenerated", "ReceivedTime", INGESTED):
        connection.execute(f'UPDATE base SET "{column}" = "EventTime"')
    [count] = connection.execute("SELECT count(*) FROM base").fetchone() or [0]
    return int(count)
