"""KQL into SQL by duckdb-kql."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import cache

import duckdb_kql
from duckdb_kql import stored_functions

#: The clock that a translation takes for `now()`: its placeholder in the SQL is replaced by each run's own.
_CLOCK = dt.datetime(2000, 1, 1)


class Translations:
    """The one way from KQL to SQL."""

    def sql(self, kql: str, schema: Mapping[str, Sequence[str]], functions: Sequence[str]) -> str:
        """The SQL of a text that reads tables of `schema` and calls `functions`, given as their definitions."""
        tables = {name: list(columns) for name, columns in schema.items()}
        parsed = _parsed(tuple(functions))
        return str(duckdb_kql.to_sql(kql, schema=tables, query_now=_CLOCK, functions=parsed))


@cache
def _parsed(functions: tuple[str, ...]) -> stored_functions.ResolvedFunctions:
    parsed = stored_functions.parse_functions(list(functions))
    assert parsed is not None
    return parsed
