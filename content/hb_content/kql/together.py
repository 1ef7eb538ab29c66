"""Runs of many cases in one statement.

DuckDB plans a rule for longer than it executes it, because a parser's text stands in it wherever it is called. Here a
rule is planned once for the runs of all cases, each of which sees its own rows and watchlist. `differs_alone` holds that
against single runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from hb_content.documents.sources import TABLE, Sources
from hb_content.kql.cache import Memo, NotConstantError
from hb_content.kql.engine import RUN_COLUMNS, Engine, Row, Run, fetch, seen
from hb_content.kql.functions import WATCHLIST, Functions

#: So many runs go into one statement, which bounds the memory that it takes.
_STEP = 10_000


class Together:
    """The rows of many cases, by number; either all of them have a watchlist, or none has."""

    def __init__(self, content: Sources, functions: Functions, with_watchlist: bool) -> None:
        self._functions, self._with_watchlist = functions, with_watchlist
        # Rows come in by way of an engine's tables, which have no column for the case.
        self._entry = Engine(content, functions)
        self._entry.set_watchlist([] if with_watchlist else None)
        self._entry.connection.execute("CREATE TABLE cases AS SELECT 0 AS _case, * FROM base")
        if with_watchlist:
            self._entry.connection.execute(f"CREATE TABLE lists AS SELECT 0 AS _case, * FROM {WATCHLIST}")

    def close(self) -> None:
        """Frees the database."""
        self._entry.close()

    def add(self, case: int, rows: Sequence[Row], watchlist: Sequence[Mapping[str, str]] | None) -> None:
        """Adds what a case holds."""
        self._entry.load(rows)
        connection = self._entry.connection
        connection.execute("INSERT INTO cases SELECT ?, * FROM base", [case])
        connection.execute("DELETE FROM base")
        if self._with_watchlist:
            self._entry.set_watchlist(watchlist or [])
            connection.execute(f"INSERT INTO lists SELECT ?, * FROM {WATCHLIST}", [case])

    def query_runs(self, kql: str, runs: Sequence[tuple[int, Run]]) -> list[list[Row]]:
        """The rows of every run of a case. May be called from several threads."""
        own = "SELECT * EXCLUDE (_case) FROM {} WHERE _case = _r._case"
        rows = f"({own.format('cases')} AND {seen('_r.after', '_r.until', '_r.wall')})"
        inner = self._functions.sql(kql, self._with_watchlist, {}).replace(f'"{TABLE}"', rows)
        inner = inner.replace(f'"{WATCHLIST}"', f"({own.format('lists')})").replace("$kqlnow", "_r.now")
        found: list[list[Row]] = [[] for _ in runs]
        with self._entry.connection.cursor() as connection:
            for first in range(0, len(runs), _STEP):
                part = list(enumerate(runs))[first : first + _STEP]
                connection.execute(f"CREATE OR REPLACE TEMP TABLE asked ({RUN_COLUMNS}, _case BIGINT)")
                columns = [
                    [at for at, _ in part],
                    *(
                        [getattr(run, name) for _, (_, run) in part]
                        for name in ("now", "after", "until", "wall")
                    ),
                    [case for _, (case, _) in part],
                ]
                kinds = ("BIGINT", *["TIMESTAMP"] * 4, "BIGINT")
                listed = ", ".join(f"unnest(?::{kind}[])" for kind in kinds)
                connection.execute(f"INSERT INTO asked SELECT {listed}", columns)
                for row in fetch(connection, f"SELECT _r._run, _q.* FROM asked _r, LATERAL ({inner}) _q"):
                    found[row.pop("_run")].append(row)
        return found


def differs_alone(engine: Engine, kql: str, runs: Sequence[Run], found: Sequence[list[Row]]) -> list[str]:
    """Holds the first run with rows against what it gives alone; says what differs. Rows that a run lacks are missed as alerts."""
    differences = []
    for at in [at for at, rows in enumerate(found) if rows][:1]:
        alone = _alone(engine, kql, runs[at])
        if _sorted(alone) != _sorted(found[at]):
            differences.append(
                f"the run at {runs[at].wall} gives other rows alone than among others; "
                f"does an arg_max or take leave open which row it takes? {alone} and {found[at]}"
            )
    return differences


def _alone(engine: Engine, kql: str, run: Run) -> list[Row]:
    try:
        return Memo(engine, run.now, run=run).rows(kql)
    except NotConstantError:
        return engine.query(kql, run.now, run)


def _sorted(rows: list[Row]) -> list[str]:
    return sorted(json.dumps(row, default=str, sort_keys=True) for row in rows)
