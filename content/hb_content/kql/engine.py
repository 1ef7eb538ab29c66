"""The content of sentinel/, and an engine that runs its KQL over rows with a fixed clock.

KQL is run by duckdb-kql on DuckDB. What it does differently from Azure is listed in EXCEPTIONS, and nowhere hidden.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import duckdb
import duckdb_kql
import yaml
from duckdb_kql import stored_functions

from hb_content.documents.files import ROOT, default

TABLE = "AISecurityEvents_CL"
INGESTED = "_IngestionTime"
#: The table of the watchlist.
WATCHLIST = "_Watchlist"
#: The columns of a table of runs: number and members of `Run`.
RUN_COLUMNS = "_run BIGINT, now TIMESTAMP, after TIMESTAMP, until TIMESTAMP, wall TIMESTAMP"

#: What the engine cannot do as Azure does it, and what is done instead.
EXCEPTIONS = {
    "ingestion_time()": f"is read from the harness column {INGESTED}; it must stand exactly once over all content, as `extend Name = ingestion_time()`",
    "_GetWatchlist()": "is a table with the scenario's rows; without a watchlist it is a table that does not exist",
    "datetime": "has microseconds; Azure has 100 ns, so the seventh digit of a time is cut",
    "many runs of a rule": "are one SQL statement with a lateral join; the first run with rows is made again alone and must agree",
}

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
_WATCHLIST_COLUMNS = ("ProjectId", "ProjectName", "Owner", "Criticality", "Archived")
#: What Sentinel adds to the columns of a watchlist.
_WATCHLIST_OWN = ("SearchKey", "_DTItemId", "LastUpdatedTimeUTC")
_INGESTION_TIME = re.compile(r"\bextend\s+(\w+)\s*=\s*ingestion_time\(\)")

Row = dict[str, Any]


class ContentError(Exception):
    """Content that the harness cannot take, with the file and the way out."""


@dataclasses.dataclass(frozen=True)
class Content:
    """Everything in sentinel/ that holds KQL, by file name without ending."""

    columns: list[tuple[str, str]]
    parsers: dict[str, dict[str, Any]]
    rules: dict[str, dict[str, Any]]
    hunts: dict[str, dict[str, Any]]

    @staticmethod
    def load(root: pathlib.Path = ROOT) -> Content:
        """Reads the table, parsers, rules and hunts below `root`; fails with ContentError."""
        listed = json.loads((root / f"sentinel/tables/{TABLE}.json").read_text(encoding="utf-8"))
        content = Content(
            columns=[(column["name"], column["type"]) for column in listed],
            parsers=_read(root / "sentinel/parsers", "FunctionQuery", "ParserQuery"),
            rules=_read(root / "sentinel/analytic-rules", "query"),
            hunts=_read(root / "sentinel/hunting-queries", "query"),
        )
        content.check()
        return content

    def check(self) -> None:
        """Fails with ContentError where ingestion_time() stands anywhere but once in HumanboundEvents."""
        uses = {name: text.count("ingestion_time()") for name, text in self.queries().items()}
        found = [name for name, count in uses.items() for _ in range(count)]
        if found != ["HumanboundEvents"]:
            raise ContentError(
                f"ingestion_time() must stand once, in the parser HumanboundEvents; found in {found or 'nothing'}"
            )

    def queries(self) -> dict[str, str]:
        """Every KQL text without its comments, by the name of its file."""
        texts = {name: _text(parser) for name, parser in self.parsers.items()}
        texts |= {name: item["query"] for name, item in (self.rules | self.hunts).items()}
        return {name: re.sub(r"(?m)^\s*//.*$", "", text) for name, text in texts.items()}

    def functions(self) -> list[str]:
        """The parsers as definitions of stored functions."""
        definitions = []
        for parser in self.parsers.values():
            parameters = ", ".join(
                f"{item['Name']}:{item['Type']}"
                + (f"={default(item['Type'], item['Default'])}" if "Default" in item else "")
                for item in parser.get("ParserParams") or []
            )
            body = _INGESTION_TIME.sub(rf"project-rename \1 = {INGESTED}", _text(parser))
            definitions.append(
                f"function {parser.get('FunctionName') or parser['ParserName']}({parameters}) {{\n{body}\n}}"
            )
        return definitions


def _text(parser: dict[str, Any]) -> str:
    """The KQL of a parser; ASIM's have other keys than functions."""
    return str(parser.get("FunctionQuery") or parser["ParserQuery"])


def _read(folder: pathlib.Path, *queries: str) -> dict[str, dict[str, Any]]:
    found = {}
    for path in sorted(folder.glob("*.yaml")):
        item = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(item, dict) or not any(isinstance(item.get(query), str) for query in queries):
            raise ContentError(f"{path}: has no text `{'` or `'.join(queries)}`")
        found[path.stem] = item
    return found


@dataclasses.dataclass(frozen=True)
class Run:
    """What one run of a query sees: its clock, the TimeGenerated range (after, until], and what is ingested by `wall`."""

    now: dt.datetime
    after: dt.datetime
    until: dt.datetime
    wall: dt.datetime


class Functions:
    """The parsers, parsed once, and every text that was translated with them."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._parsed = [self._parse(body) for body in ("_NoSuchWatchlist", WATCHLIST)]
        self._sql: dict[tuple[str, bool, tuple[str, ...]], str] = {}

    def _parse(self, watchlist: str) -> stored_functions.ResolvedFunctions:
        own = f"function _GetWatchlist(alias:string) {{ {watchlist} }}"
        parsed = stored_functions.parse_functions([*self._content.functions(), own])
        assert parsed is not None
        return parsed

    def tables(self, with_watchlist: bool, others: Mapping[str, list[str]]) -> dict[str, list[str]]:
        """The columns of the tables that content reads."""
        tables = {TABLE: [name for name, _ in self._content.columns] + [INGESTED], **others}
        if with_watchlist:
            tables[WATCHLIST] = [*_WATCHLIST_OWN, *_WATCHLIST_COLUMNS]
        return tables

    def sql(self, kql: str, with_watchlist: bool, others: Mapping[str, list[str]]) -> str:
        """The SQL of a text, with the clock as a placeholder, so that one translation serves every time exactly."""
        key = kql, with_watchlist, tuple(others)
        if key not in self._sql:
            schema = self.tables(with_watchlist, others)
            clock = dt.datetime(2000, 1, 1)
            self._sql[key] = str(
                duckdb_kql.to_sql(kql, schema=schema, query_now=clock, functions=self._parsed[with_watchlist])
            )
        return self._sql[key]


class Engine:
    """One scenario's table and watchlist, and the content that reads them."""

    def __init__(self, content: Content, functions: Functions | None = None) -> None:
        self.content = content
        self._functions = functions or Functions(content)
        self._connection = duckdb_kql.connect()
        self._connection.execute("SET threads = 1")
        columns = [f'"{name}" {TYPES[kind]}' for name, kind in content.columns]
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
            columns = [*_WATCHLIST_OWN, *_WATCHLIST_COLUMNS]
            self._connection.execute(
                f"CREATE TABLE {WATCHLIST} ({', '.join(f'{column} VARCHAR' for column in columns)})"
            )
            for row in rows:
                values = [
                    row["ProjectId"],
                    "item",
                    "2026-01-01",
                    *(row.get(column, "") for column in _WATCHLIST_COLUMNS),
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
        kinds = [*self.content.columns, (INGESTED, "datetime")]
        values: list[list[Any]] = [[] for _ in kinds]
        for row in rows:
            for column, (name, kind) in zip(values, kinds, strict=True):
                column.append(_stored(row.get(name), kind))
        # A statement for all rows: one for each would take longer than all queries over them.
        listed = ", ".join(f"unnest(?::{TYPES[kind]}[])" for _, kind in kinds)
        self._connection.execute(f"INSERT INTO base SELECT {listed}", values)

    def query(self, kql: str, now: dt.datetime, run: Run | None = None) -> list[Row]:
        """The rows of `kql` at `now`, over what is ingested by then, or over what `run` sees."""
        always = dt.datetime(1, 1, 1), dt.datetime(9999, 1, 1)
        run = run or Run(now, *always, now)
        scope = f"({_scope(_literal(run.after), _literal(run.until), _literal(run.wall))})"
        sql = (
            self._functions.sql(kql, self._with_watchlist, self._others)
            .replace(f'"{TABLE}"', scope)
            .replace("$kqlnow", _literal(run.now))
        )
        return self._fetch(sql)

    def query_runs(self, kql: str, runs: Sequence[Run]) -> list[list[Row]]:
        """The rows of every run, in one statement; `differs_alone` holds them against single runs."""
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

    def differs_alone(self, kql: str, runs: Sequence[Run], found: Sequence[list[Row]]) -> list[str]:
        """Holds the first run with rows against what it gives alone; says what differs. Rows that a run lacks are missed as alerts."""
        differences = []
        for at in [at for at, rows in enumerate(found) if rows][:1]:
            alone = self.query(kql, runs[at].now, runs[at])
            if _sorted(alone) != _sorted(found[at]):
                differences.append(
                    f"the run at {runs[at].wall} gives other rows alone than among others; "
                    f"does an arg_max or take leave open which row it takes? {alone} and {found[at]}"
                )
        return differences

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The database, in which the table `base` holds all rows, whenever they are ingested."""
        return self._connection

    def freeze(self, now: dt.datetime) -> None:
        """Makes a table of what is ingested by `now`, for one who asks much of one time."""
        always = dt.datetime(1, 1, 1), dt.datetime(9999, 1, 1)
        scope = _scope(*(_literal(time) for time in (*always, now)))
        self._connection.execute(f'CREATE OR REPLACE TABLE "{TABLE}" AS {scope}')

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


def _sorted(rows: list[Row]) -> list[str]:
    return sorted(json.dumps(row, default=str, sort_keys=True) for row in rows)
