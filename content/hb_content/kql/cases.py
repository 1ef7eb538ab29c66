"""Calls of one parser that differ in their arguments, in one statement.

DuckDB plans a parser's SQL for seconds and executes it in milliseconds. So many calls are planned once: their arguments are
the columns of a table, and the SQL is executed for each of its rows. One that was executed alone is among them, and must
come out the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import duckdb

from hb_content.kql.templates import Template

_TABLE_MARK = re.compile(r'"(zztable\d+zz)"')
#: A string in SQL, with the word that makes a time of it.
_STRING = re.compile(r"(?P<kind>\bTIMESTAMP\s+)?'(?P<text>(?:[^']|'')*)'")
#: With fewer it is not worth it.
_LEAST = 3


@dataclass(frozen=True)
class Case:
    """A call: the table that its rows go to, and its SQL."""

    table: str
    template: Template

    @property
    def key(self) -> tuple[str, str]:
        """What calls have in common that differ in their arguments only."""
        return self.template.marked, self.template.shape


def cases_of(
    connection: duckdb.DuckDBPyConnection,
    cases: Sequence[Case],
    alone: Case | None,
    timed: Callable[[str], str],
) -> bool:
    """Makes the tables of calls with one key; False, and none is made, where that cannot be done or is not worth it."""
    if len(cases) < _LEAST or alone is None:
        return False
    every = [alone, *cases]
    try:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE together AS {timed(_statement(connection, every))}")
    except duckdb.Error:
        return False
    own = "SELECT * EXCLUDE (_case) FROM together WHERE _case ="
    if _rows(connection, f"{own} 0") != _rows(connection, f'SELECT * FROM "{alone.table}"'):
        return False
    for at, case in enumerate(cases, start=1):
        connection.execute(f'CREATE TABLE "{case.table}" AS {own} {at}')
    return True


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> Counter[str]:
    """Rows in any order; a sum depends on its order in the last digits."""
    rows = connection.execute(sql).fetchall()
    return Counter(repr([f"{one:.9g}" if isinstance(one, float) else one for one in row]) for row in rows)


def _statement(connection: duckdb.DuckDBPyConnection, cases: Sequence[Case]) -> str:
    """The SQL that gives the rows of all calls, each with the number of its call."""
    marked = cases[0].template.marked
    texts: list[str] = []
    marks = [mark for mark in cases[0].template.marks if not _TABLE_MARK.fullmatch(f'"{mark}"')]

    def column(found: re.Match[str]) -> str:
        if not any(mark in found["text"] for mark in marks):
            return found[0]
        if found["text"] not in texts:
            texts.append(found["text"])
        value = f"_c._p{texts.index(found['text'])}"
        return f"CAST({value} AS TIMESTAMP)" if found["kind"] else value

    def table(found: re.Match[str]) -> str:
        names = [case.template.marks[found[1]] for case in cases]
        if len(set(names)) == 1:
            return f'"{names[0]}"'
        each = [f'SELECT {at} AS _case, * FROM "{name}"' for at, name in enumerate(names)]
        connection.execute(f"CREATE OR REPLACE TEMP TABLE all_{found[1]} AS {' UNION ALL '.join(each)}")
        return f"(SELECT * EXCLUDE (_case) FROM all_{found[1]} WHERE _case = _c._case)"

    inner = _TABLE_MARK.sub(table, _STRING.sub(column, marked))
    values = [[f"'{case.template.filled(text)}'" for text in texts] for case in cases]
    listed = ", ".join(f"({', '.join([str(at), *row])})" for at, row in enumerate(values))
    names = ", ".join(["_case", *(f"_p{at}" for at in range(len(texts)))])
    return f"SELECT _c._case, _q.* FROM (VALUES {listed}) _c({names}), LATERAL ({inner}) _q"
