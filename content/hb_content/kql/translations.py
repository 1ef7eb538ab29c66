"""KQL into SQL by duckdb-kql, each text once on a machine.

Parsing KQL takes long: seconds for our parsers alone, in each of the processes that a run of the tests starts. So what was
translated is kept, under all that a translation is made from: the text, the tables' columns, the functions that it can come
to call, and the version of the translator.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

import duckdb_kql
from duckdb_kql import stored_functions

from hb_content.documents.files import ROOT
from hb_content.kql.kept import Kept, code, reachable
from hb_content.kql.shorter import __file__ as shortening
from hb_content.kql.shorter import shorter

#: The clock that a translation takes for `now()`: its placeholder in the SQL is replaced by each run's own.
_CLOCK = dt.datetime(2000, 1, 1)
#: What translates, and the code that calls it.
VERSION = [version("duckdb-kql"), code(__file__), code(shortening)]


class Translations:
    """Translations, kept in `folder`; if none is given, below the `target/` of a checkout."""

    def __init__(self, folder: Path | None = None, root: Path = ROOT) -> None:
        self._kept = Kept("sql", folder, root)

    def sql(self, kql: str, schema: Mapping[str, Sequence[str]], functions: Sequence[str]) -> str:
        """The SQL of a text that reads tables of `schema` and calls `functions`, given as their definitions."""
        tables = {name: list(columns) for name, columns in schema.items()}
        made_from = [VERSION, kql, tables, reachable(kql, functions)]
        found = self._kept.get(made_from)
        if found is None:
            parsed = _parsed(tuple(functions))
            found = shorter(str(duckdb_kql.to_sql(kql, schema=tables, query_now=_CLOCK, functions=parsed)))
            self._kept.put(made_from, found)
        return found


@cache
def _parsed(functions: tuple[str, ...]) -> stored_functions.ResolvedFunctions:
    parsed = stored_functions.parse_functions(list(functions))
    assert parsed is not None
    return parsed
