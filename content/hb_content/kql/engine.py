"""An engine that runs the KQL of sentinel/ over rows with a fixed clock: duckdb-kql, on DuckDB."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import duckdb
import duckdb_kql

from hb_content.documents.sources import TABLE, Sources
from hb_content.kql.functions import INGESTED, WATCHLIST, WATCHLIST_COLUMNS, WATCHLIST_OWN, Functions

#: The columns of a table of runs: number and members of `Run`.
RUN_COLUMNS = "_run BIGINT, now TIMESTAMP, after TIMESTAMP, until TIMESTAMP, wall TIMESTAMP"

#: The types of DuckDB for those of Kusto.
TYPES = {
    "string": "VARCHAR",
    "int": "INTEGER",
    "long": "BIGINT",
    "real": "DOUBLE",
    "bool": "BOOLEAN",
    "datetime": "TIMESTAMP",
    "dynamic": "JSON",
}
Row = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Run:
    """What one run of a query sees: its clock, the TimeGenerated range (after, until], and what is ingested by `wall`."""

    now: dt.datetime
    after: dt.datetime
    until: dt.datetime
    wall: dt.datetime


def everything(now: dt.datetime) -> Run:
    """A run that sees all that is ingested by `now`."""
    return Run(now, dt.datetime(1, 1, 1), dt.datetime(9999, 1, 1), now)


class Engine:
    """One scenario's table and watchlist, and the content that reads them."""

    def __init__(self, content: Sources, functions: Functions | None = None) -> None:
        self.content = content
        self._functions = functions or Functions(content)
        self._connection = duckdb_kql.connect()
        self._connection.execute("SET threads = 1")
        columns = [f'"{name}" {TYPES[kind]}' for name, kind in content.kinds]
        self._connection.execute(f'CREATE TABLE base ({", ".join(columns)}, "{INGESTED}" TIMESTAMP)')
        self._connection.execute(f"CREATE TABLE runs ({RUN_COLUMNS})")
        self._with_watchlist = False
        self._others: dict[str, list[str]] = {}

    def close(self) -> None:
        """Frees the database."""
        self._connection.close()

    def set_watchlist(self, rows: Sequence[Mapping[str, str]] | None) -> None:
        """Makes the watchlist HumanboundProjects; with None there is none."""
        self._connection.execute(f"DROP TABLE IF EXISTS {WATCHLIST}")
        self._with_watchlist = rows is not None
        if rows is not None:
            columns = [*WATCHLIST_OWN, *WATCHLIST_COLUMNS]
            self._connection.execute(
                f"CREATE TABLE {WATCHLIST} ({', '.join(f'{column} VARCHAR' for column in columns)})"
            )
            for row in rows:
                values = [
                    row["ProjectId"],
                    "item",
                    "2026-01-01",
                    *(row.get(column, "") for column in WATCHLIST_COLUMNS),
                ]
                self._connection.execute(
                    f"INSERT INTO {WATCHLIST} VALUES ({', '.join('?' * len(columns))})", values
                )

    def set_table(self, name: str, columns: Mapping[str, str], rows: Sequence[Row]) -> None:
        """Makes another table of the workspace, such as SecurityAlert; without, it does not exist. `columns` have types of Kusto."""
        listed = ", ".join(f'"{column}" {TYPES[kind]}' for column, kind in columns.items())
        self._connection.execute(f'CREATE OR REPLACE TABLE "{name}" ({listed})')
        for row in rows:
            values = [_stored(row[column], kind) for column, kind in columns.items()]
            self._connection.execute(f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(values))})', values)
        self._others[name] = list(columns)

    def load(self, rows: Iterable[Row]) -> None:
        """Adds rows as the table would hold them; each has INGESTED. Empty strings stand for missing ones, as in Kusto."""
        kinds = [*self.content.kinds, (INGESTED, "datetime")]
        values: list[list[Any]] = [[] for _ in kinds]
        for row in rows:
            for column, (name, kind) in zip(values, kinds, strict=True):
                column.append(_stored(row.get(name), kind))
        # A statement for all rows: one for each would take longer than all queries over them.
        listed = ", ".join(f"unnest(?::{TYPES[kind]}[])" for _, kind in kinds)
        self._connection.execute(f"INSERT INTO base SELECT {listed}", values)

    def query(self, kql: str, now: dt.datetime, run: Run | None = None) -> list[Row]:
        """The rows of `kql` at `now`, over what is ingested by then, or over what `run` sees."""
        return self._fetch(self.sql(kql, now, run))

    def sql(self, kql: str, now: dt.datetime, run: Run | None = None) -> str:
        """The SQL that `query` executes."""
        run = run or everything(now)
        return (
            self._functions.sql(kql, self._with_watchlist, self._others)
            .replace(f'"{TABLE}"', f"({_scope_of(run)})")
            .replace("$kqlnow", _literal(run.now))
        )

    def query_runs(self, kql: str, runs: Sequence[Run]) -> list[list[Row]]:
        """The rows of every run, in one statement; `differs_alone` in together.py holds them against single runs."""
        inner = self._functions.sql(kql, self._with_watchlist, self._others).replace(
            f'"{TABLE}"', f"({_scope('_r.after', '_r.until', '_r.wall')})"
        )
        inner = inner.replace("$kqlnow", "_r.now")
        found: list[list[Row]] = [[] for _ in runs]
        step = 1000
        for first in range(0, len(runs), step):
            self._connection.execute("DELETE FROM runs")
            part = [
                [first + at, run.now, run.after, run.until, run.wall]
                for at, run in enumerate(runs[first : first + step])
            ]
            marks = ", ".join(["(?, ?, ?, ?, ?)"] * len(part))
            self._connection.execute(
                f"INSERT INTO runs VALUES {marks}", [value for run in part for value in run]
            )
            for row in self._fetch(f"SELECT _r._run, _q.* FROM runs _r, LATERAL ({inner}) _q"):
                found[row.pop("_run")].append(row)
        return found

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The database, in which the table `base` holds all rows, whenever they are ingested."""
        return self._connection

    def freeze(self, now: dt.datetime, run: Run | None = None) -> None:
        """Makes a table of what is ingested by `now`, or of what `run` sees, for one who asks much of one time. What others made of an earlier such table goes."""
        made = self._connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE regexp_matches(table_name, '^_[A-Z]\\w*\\d$')"
        )
        for (name,) in made.fetchall():
            self._connection.execute(f'DROP TABLE "{name}"')
        self._connection.execute(f'CREATE OR REPLACE TABLE "{TABLE}" AS {_scope_of(run or everything(now))}')

    @property
    def tables(self) -> dict[str, list[str]]:
        """The columns of the tables that content reads."""
        return self._functions.tables(self._with_watchlist, self._others)

    def _fetch(self, sql: str) -> list[Row]:
        return fetch(self._connection, sql)


def fetch(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Row]:
    """The rows of a statement, as a scenario would write them."""
    cursor = connection.execute(sql)
    names = [(item[0], str(item[1])) for item in cursor.description]
    return [
        {name: _shown(value, kind) for (name, kind), value in zip(names, values, strict=True)}
        for values in cursor.fetchall()
    ]


def seen(after: str, until: str, wall: str) -> str:
    """The condition for the rows that a run sees."""
    return f'"TimeGenerated" > {after} AND "TimeGenerated" <= {until} AND "{INGESTED}" <= {wall}'


def _scope(after: str, until: str, wall: str) -> str:
    return f"SELECT * FROM base WHERE {seen(after, until, wall)}"


def _scope_of(run: Run) -> str:
    return _scope(_literal(run.after), _literal(run.until), _literal(run.wall))


def _literal(time: dt.datetime) -> str:
    return f"TIMESTAMP '{time.isoformat(sep=' ')}'"


def _stored(value: Any, kind: str) -> Any:
    if kind == "string":
        return value or ""
    if value is None:
        return None
    if kind == "datetime":
        return value if isinstance(value, dt.datetime) else instant(value)
    return json.dumps(value) if kind == "dynamic" else value


def instant(text: str) -> dt.datetime:
    """An ISO 8601 time in UTC, without zone, to the microsecond."""
    text = re.sub(r"(\.\d{6})\d+", r"\1", text.replace("Z", "+00:00"))
    return dt.datetime.fromisoformat(text).astimezone(dt.UTC).replace(tzinfo=None)


def _shown(value: Any, kind: str) -> Any:
    """A value of a result as a scenario would write it."""
    if kind == "JSON" and isinstance(value, str):
        return json.loads(value)
    return value
