"""KQL into SQL, once for texts that differ only in ids and times.

A dashboard asks the same of each agent, finding and range. Translating takes longer than running, so ids and times, and
the names of the tables that stand for calls, are put in after the translation. `Checked` holds that against the
translation of each text as it stands; the tests run with it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

from hb_content.kql.functions import Schema

#: An id as one whole string: of a project, of an OWASP category, the hash of a finding or of an owner.
_ID = re.compile(
    r"""(?P<quote>["'])(?P<id>[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{64}|[0-9a-f]{16}|(?:LLM|ASI)\d\d)(?P=quote)"""
)
_TIME = re.compile(r"\bdatetime\((?P<time>\d{4}-\d\d-\d\dT[\d:.]+Z)\)")
#: A table that `Memo` made.
_TABLE = re.compile(r"\b_[A-Z]\w*\d\b")
#: Times that stand for others; no text of ours has one so late.
_FAR = dt.datetime(9000, 1, 1)


class Templates:
    """Translations by what is left of a text without its ids and times."""

    def __init__(self, translate: Callable[[str, Schema], str]) -> None:
        self._translate = translate
        self._known: dict[tuple[str, ...], str] = {}

    def sql(self, kql: str, schema: Schema) -> str:
        """The SQL of a text that reads tables of `schema`."""
        marks: dict[str, str] = {}

        def mark(kind: str, name: str) -> str:
            return marks.setdefault(name, f"zz{kind}{len(marks)}zz")

        def far(found: re.Match[str]) -> str:
            # A mark must be a time too.
            return f"datetime({marks.setdefault(found['time'], (_FAR + dt.timedelta(days=len(marks))).isoformat() + 'Z')})"

        bare = _ID.sub(lambda found: f"{found['quote']}{mark('id', found['id'])}{found['quote']}", kql)
        bare = _TABLE.sub(lambda found: mark("table", found[0]) if found[0] in schema else found[0], bare)
        bare = _TIME.sub(far, bare)
        tables = {marks[name]: columns for name, columns in schema.items() if name in marks}
        key = (bare, *(" ".join([name, *columns]) for name, columns in sorted(tables.items())))
        if key not in self._known:
            self._known[key] = self._translate(bare, {**schema, **tables})
        sql = self._known[key]
        for name, put in marks.items():
            sql = sql.replace(put, name)
        return sql


class Checked(Templates):
    """Fails with AssertionError where a text as it stands would give other SQL."""

    def sql(self, kql: str, schema: Schema) -> str:
        sql = super().sql(kql, schema)
        exact = self._translate(kql, schema)
        if sql != exact:
            at = next(at for at, (a, b) in enumerate(zip(sql + " ", exact + " ", strict=False)) if a != b)
            raise AssertionError(
                f"a template gives {sql[at - 30 : at + 60]!r}, the text itself {exact[at - 30 : at + 60]!r}"
            )
        return sql
