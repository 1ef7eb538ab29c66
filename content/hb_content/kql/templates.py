"""KQL into SQL, once for texts that differ only in ids, times and what is chosen.

A dashboard asks the same of each agent, finding and range. Translating takes longer than running, so ids, times and chosen
values, and the names of the tables that stand for calls, are put in after the translation. `Checked` holds that against the
translation of each text as it stands; the tests run with it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass

from hb_content.kql.functions import Schema

#: An id as one whole string: of a project, of an OWASP category, the hash of a finding or of an owner.
_ID = re.compile(
    r"""(?P<quote>["'])(?P<id>[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{64}|[0-9a-f]{16}|(?:LLM|ASI)\d\d)(?P=quote)"""
)
#: A string where a filter's value stands: alone in a list, or compared with another string.
_CHOSEN = re.compile(
    r"""(?P<before>\bin \(|\bdynamic\(\[)(?P<quote>["'])(?P<id>[\w .:*@-]+)(?P=quote)(?=\)|\]\))"""
    r"""|(?P<start>[(, ])'(?P<compared>\w+)'(?= == ')"""
)
_TIME = re.compile(r"\bdatetime\((?P<time>\d{4}-\d\d-\d\dT[\d:.]+Z)\)")
#: A table that `Memo` made.
_TABLE = re.compile(r"\b_[A-Z]\w*\d\b")
#: Times that stand for others; no text of ours has one so late.
_FAR = dt.datetime(9000, 1, 1)


@dataclass(frozen=True)
class Template:
    """SQL with marks in it, and what each mark stands for."""

    marked: str
    marks: dict[str, str]
    #: The columns of the tables that are read.
    shape: str

    def sql(self) -> str:
        """The SQL of the text itself."""
        return self.filled(self.marked)

    def filled(self, text: str) -> str:
        """A part of the SQL with what the marks stand for."""
        for mark, name in self.marks.items():
            text = text.replace(mark, name)
        return text


class Templates:
    """Translations by what is left of a text without its ids, times and chosen values."""

    def __init__(self, translate: Callable[[str, Schema], str]) -> None:
        self._translate = translate
        self._known: dict[tuple[str, ...], str] = {}

    def template(self, kql: str, schema: Schema) -> Template:
        """The SQL of a text that reads tables of `schema`."""
        marks: dict[str, str] = {}
        put: dict[str, str] = {}

        def mark(kind: str, name: str) -> str:
            if name not in put:
                put[name] = f"zz{kind}{len(marks)}zz"
                marks[put[name]] = name
            return put[name]

        def far(found: re.Match[str]) -> str:
            # A mark must be a time too.
            if found["time"] not in put:
                put[found["time"]] = (_FAR + dt.timedelta(days=len(marks))).isoformat() + "Z"
                marks[put[found["time"]]] = found["time"]
            return f"datetime({put[found['time']]})"

        def chosen(found: re.Match[str]) -> str:
            # Each place has a mark of its own: that two filters have the same value means nothing.
            new = f"zzid{len(marks)}zz"
            marks[new] = found["compared"] or found["id"]
            if found["compared"]:
                return f"{found['start']}'{new}'"
            return f"{found['before']}{found['quote']}{new}{found['quote']}"

        bare = _CHOSEN.sub(chosen, kql)
        bare = _ID.sub(lambda found: f"{found['quote']}{mark('id', found['id'])}{found['quote']}", bare)
        bare = _TABLE.sub(lambda found: mark("table", found[0]) if found[0] in schema else found[0], bare)
        bare = _TIME.sub(far, bare)
        tables = {put[name]: columns for name, columns in schema.items() if name in put}
        shape = [" ".join([name, *columns]) for name, columns in sorted(tables.items())]
        key = (bare, *shape)
        if key not in self._known:
            self._known[key] = self._translate(bare, {**schema, **tables})
        return Template(self._known[key], marks, "\n".join(shape))

    def sql(self, kql: str, schema: Schema) -> str:
        """The SQL of a text as it stands."""
        return self.template(kql, schema).sql()


class Checked(Templates):
    """Fails with AssertionError where a text as it stands would give other SQL."""

    def template(self, kql: str, schema: Schema) -> Template:
        template = super().template(kql, schema)
        sql, exact = template.sql(), self._translate(kql, schema)
        if sql != exact:
            at = next(at for at, (a, b) in enumerate(zip(sql + " ", exact + " ", strict=False)) if a != b)
            raise AssertionError(
                f"a template gives {sql[at - 30 : at + 60]!r}, the text itself {exact[at - 30 : at + 60]!r}"
            )
        return template
