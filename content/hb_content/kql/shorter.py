"""SQL without what it asks of types that are known beforehand.

The translation of `strcat` and of other functions of text asks at run time of which type each argument is, and has the
argument in it ten times. Texts in texts make that a megabyte, which takes DuckDB seconds to plan. Where the argument is a
string, a whole number or a text that was put together, its type is known: its own text then stands there once.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import cache

import duckdb_kql

_STRING = re.compile(r"'(?:[^']|'')*'")
_CAST = re.compile(r"CAST\(.* AS (VARCHAR|BIGINT|INTEGER)\)\Z", re.DOTALL)
#: Functions that give text, whatever they are given.
_TEXTS = ("concat(", "strftime(", "replace(", "lower(", "upper(", "array_to_string(")
_TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[(\[{]|[)\]}]")


@cache
def _parts() -> tuple[str, ...]:
    """What the translation writes around each copy of an argument that is made a text."""
    sql = str(
        duckdb_kql.to_sql(
            "T | project v = tostring(zzX)", schema={"T": ["zzX"]}, query_now=dt.datetime(2000, 1, 1)
        )
    )
    text = sql[sql.index("coalesce(") : sql.index(' AS "v"')]
    parts = tuple(text.split('"zzX"'))
    # With another release that writes something else nothing is made shorter.
    return parts if len(parts) > 3 and parts[0] == "coalesce(CASE typeof(" else ()


def shorter(sql: str) -> str:
    """SQL that gives the same rows."""
    parts = _parts()
    return _shorter(sql, parts) if parts else sql


def _shorter(sql: str, parts: tuple[str, ...]) -> str:
    found, at = [], 0
    while (start := sql.find(parts[0], at)) >= 0:
        begin = start + len(parts[0])
        end = _closing(sql, begin)
        argument = sql[begin:end]
        whole = argument.join(parts)
        found.append(sql[at:start])
        if sql.startswith(whole, start):
            short = _shorter(argument, parts)
            found.append(_text(short) or short.join(parts))
            at = start + len(whole)
        else:
            found.append(parts[0])
            at = begin
    return "".join([*found, sql[at:]])


def _text(argument: str) -> str | None:
    """The text of an argument whose type can be seen."""
    if _STRING.fullmatch(argument):
        return argument
    is_one = argument.endswith(")") and _closing(argument, argument.find("(") + 1) == len(argument) - 1
    if argument.startswith(_TEXTS) and is_one:
        return f"coalesce({argument}, '')"
    if _CAST.fullmatch(argument) and is_one:
        return f"coalesce(CAST({argument} AS VARCHAR), '')"
    return None


def _closing(sql: str, start: int) -> int:
    """Where the bracket closes that was opened just before `start`."""
    depth = 1
    for match in _TOKEN.finditer(sql, start):
        if match[0] in "([{":
            depth += 1
        elif match[0] in ")]}":
            depth -= 1
            if depth == 0:
                return match.start()
    return len(sql)
