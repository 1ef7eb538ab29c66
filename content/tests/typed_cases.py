"""Proves that a statement without what it asks of types gives the same rows (hb_content/kql/typed.py).

    target/tools/venv/bin/python -B content tests.typed_cases

Exits with 1 when something is off.
"""

from __future__ import annotations

import datetime as dt
import re
import sys
from collections.abc import Iterator

from hb_content.cost import rows
from hb_content.documents.sources import Sources
from hb_content.kql.engine import Engine
from hb_content.kql.typed import Typed

NOW = dt.datetime(2026, 10, 1, 12)
#: Parsers that reach most of the others, and texts that ask for types in each way that the translation knows.
QUERIES = [
    "HumanboundEvents()",
    "HumanboundFindings(now(), 7, 30, 90, 180, ago(30d))",
    "HumanboundCoverage(now(), ago(30d))",
    "HumanboundHealth(ago(30d))",
    "HumanboundPauses()",
    """datatable(n:long, r:real, s:string, t:datetime, b:bool, d:dynamic) [
        1, 2.5, '7', datetime(2026-01-01), true, dynamic({'a': 'x'}),
        long(null), real(null), '', datetime(null), bool(null), dynamic(null)]
    | extend x = strcat(n, r, s, t, b, d), y = tolong(s), z = tolong(r), u = tostring(d.a), v = iff(s == '7', 'yes', 'no')
    | extend w = strcat(x, y, u), l = bag_pack('t', t, 's', s), o = tolong(d.a), p = s in ('7', '8'), q = isempty(u)""",
]


def problems() -> Iterator[str]:
    """What is off."""
    engine = Engine(Sources.load())
    rows.fill(engine, 2_000, NOW)
    tables = engine.connection.execute("SELECT sql FROM duckdb_tables()").fetchall()
    typed = Typed([text for (text,) in tables])
    for query in QUERIES:
        whole = engine.sql(query, NOW)
        short = typed.sql(whole)
        found, expected = (_result(engine, sql) for sql in (short, whole))
        if found != expected:
            yield f"{query[:60]}: other columns or rows"
        if len(whole) <= len(short) or re.search(r'typeof\("\w+"\)', short):
            yield f"{query[:60]}: a column is still asked for its type"


def _result(engine: Engine, sql: str) -> tuple[list[tuple[str, str]], list[str]]:
    cursor = engine.connection.execute(sql)
    columns = [(item[0], str(item[1])) for item in cursor.description]
    return columns, sorted(repr(row) for row in cursor.fetchall())


def main() -> int:
    """The command."""
    found = list(problems())
    print("\n".join(found) or "the rows are the same")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
