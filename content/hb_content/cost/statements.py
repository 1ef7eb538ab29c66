"""The statements that are measured: of the translation's, without what it asks of types (kql/typed.py)."""

from __future__ import annotations

import datetime as dt
from importlib.metadata import version

from hb_content.kql.engine import Engine
from hb_content.kql.kept import Kept, code
from hb_content.kql.typed import Typed
from hb_content.kql.typed import __file__ as typing


class Statements:
    """The statements of an engine at one time, each kept for the next process."""

    def __init__(self, engine: Engine, now: dt.datetime) -> None:
        self._engine, self._now = engine, now
        self._kept = Kept("typed")
        made = engine.connection.execute("SELECT sql FROM duckdb_tables() ORDER BY table_name").fetchall()
        self._tables = [text for (text,) in made]

    def sql(self, kql: str) -> str:
        """The statement of a query."""
        whole = self._engine.sql(kql, self._now)
        made_from = [version("duckdb"), code(typing), whole, self._tables]
        found = self._kept.get(made_from)
        if found is None:
            typed = Typed(self._tables)
            found = typed.sql(whole)
            typed.close()
            self._kept.put(made_from, found)
        return found
