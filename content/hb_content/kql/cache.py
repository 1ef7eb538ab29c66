"""Runs KQL, each parser call with constant arguments once.

Azure puts a parser's text in place of each call. Here `HumanboundFindings(datetime(…), 7)` is executed once into a table,
and the text refers to that table: the same engine, the same KQL, the same rows, and many times faster. Calls that differ in
their arguments only are one statement (`cases.py`), where it is known beforehand that they will come.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from hb_content.documents.files import default
from hb_content.documents.sources import parser_name, parser_query
from hb_content.kql.cases import Case, cases_of
from hb_content.kql.engine import Engine, Row, Run, fetch
from hb_content.kql.functions import NO_WATCHLIST, WATCHLIST, Schema, executable, watchlist_function
from hb_content.kql.templates import Template, Templates
from hb_content.kql.translations import Translations

#: A string in its four spellings, a comment, a name, a bracket or a semicolon.
_TOKEN = re.compile(
    r"""(?P<string>@"[^"]*"|@'[^']*'|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?P<comment>//[^\n]*)|(?P<name>[A-Za-z_]\w*)"""
    r"""|(?P<number>\d[\w.]*)|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<end>;)|(?P<comma>,)|(?P<pipe>\|)"""
)
_LET = re.compile(r"\s*let\s+(\w+)\s*=\s*(.*)\Z", re.DOTALL)
#: What gives a table, or is another number each time.
_TABULAR = {
    "materialize",
    "datatable",
    "union",
    "toscalar",
    "view",
    "range",
    "print",
    "externaldata",
    "rand",
    "new_guid",
    "by",
}
_WORDS = {"true", "false", "and", "or", "not", "in", "between", "null"}


class NotConstantError(ValueError):
    """A call has an argument that is no constant, so no table can stand for it."""


class _PendingError(Exception):
    """A call has no table yet; it is made together with others."""


class Memo:
    """An engine whose clock stands still, and the tables of what was called."""

    def __init__(
        self,
        engine: Engine,
        now: dt.datetime,
        templates: type[Templates] = Templates,
        run: Run | None = None,
    ) -> None:
        self._now = now
        engine.freeze(now, run)
        self.connection = engine.connection
        self._parsers = {parser_name(parser): parser for parser in engine.content.parsers.values()}
        self._schema: dict[str, list[str]] = dict(engine.tables)
        self._tables: dict[tuple[str, ...], str] = {}
        self._constants: dict[str, str | None] = {}
        self._translations = Translations()
        self._templates = templates(self._translate)
        #: The first table of each template, by which the many that are made at once are checked.
        self._alone: dict[tuple[str, str], Case] = {}
        self._pending: dict[tuple[str, ...], Case] | None = None

    def sql(self, kql: str) -> str:
        """The SQL of a text, its calls already tables."""
        return self._timed(self._templates.sql(self._expand(kql, {}), self._schema))

    def _timed(self, sql: str) -> str:
        return sql.replace("$kqlnow", f"TIMESTAMP '{self._now.isoformat(sep=' ')}'")

    def prefetch(self, texts: Iterable[str]) -> None:
        """Makes the tables of all calls in texts; calls that differ only in their arguments in one statement."""
        waiting = list(dict.fromkeys(texts))
        while waiting:
            pending: dict[tuple[str, ...], Case] = {}
            self._pending = pending
            still = []
            for text in waiting:
                try:
                    self._expand(text, {})
                except _PendingError:
                    still.append(text)
                except Exception:  # It is told when the text is asked for.
                    continue
            self._pending = None
            groups = defaultdict(list)
            for key, case in pending.items():
                groups[case.key].append((key, case))
            for group in groups.values():
                self._make_together(group)
            waiting = still if pending else []

    def _make_together(self, group: list[tuple[tuple[str, ...], Case]]) -> None:
        cases = [case for _, case in group]
        if cases[0].key not in self._alone:
            self._make(cases.pop(0))
        if not cases_of(self.connection, cases, self._alone.get(group[0][1].key), self._timed):
            for case in cases:
                self._make(case)
        for key, case in group:
            self._describe(case.table)
            self._tables[key] = case.table

    def _make(self, case: Case) -> None:
        self.connection.execute(f'CREATE TABLE "{case.table}" AS {self._timed(case.template.sql())}')
        self._alone.setdefault(case.key, case)

    def _describe(self, table: str) -> None:
        self._schema[table] = [row[0] for row in self.connection.execute(f'DESCRIBE "{table}"').fetchall()]

    def query(self, kql: str) -> tuple[list[tuple[str, str]], list[tuple[Any, ...]]]:
        """Columns with their types, and rows."""
        return self.fetch(self.sql(kql))

    def fetch(self, sql: str) -> tuple[list[tuple[str, str]], list[tuple[Any, ...]]]:
        """Columns with their types, and rows, of SQL that `sql` gave."""
        cursor = self.connection.execute(sql)
        return [(item[0], str(item[1])) for item in cursor.description], cursor.fetchall()

    def rows(self, kql: str) -> list[Row]:
        """The rows of a text, as `Engine.query` gives them."""
        return fetch(self.connection, self.sql(kql))

    def _translate(self, kql: str, schema: Schema) -> str:
        watchlist = watchlist_function(WATCHLIST if WATCHLIST in self._schema else NO_WATCHLIST)
        return self._translations.sql(kql, schema, [watchlist])

    def _expand(self, text: str, known: dict[str, str]) -> str:
        """`text` with a table in place of each call; `known` are names that stand for constants."""
        known = dict(known)
        done = []
        for statement in _statements(text):
            let = _LET.match(statement)
            if let:
                value = self._constant(let.group(2), known)
                if value is not None:
                    known[let.group(1)] = value
            done.append(self._calls(statement, known))
        return ";".join(done)

    def _calls(self, statement: str, known: dict[str, str]) -> str:
        out, at = [], 0
        is_pending = False
        for match in _TOKEN.finditer(statement):
            if match.start() < at or match.group("name") not in self._parsers:
                continue
            opening = re.compile(r"\s*\(").match(statement, match.end())
            closing = _closing(statement, opening.end()) if opening else match.end() - 1
            inner = statement[opening.end() : closing] if opening else ""
            arguments = [self._constant(argument, known) for argument in _arguments(inner)]
            if any(argument is None for argument in arguments):
                raise NotConstantError(
                    f"{match.group('name')}({inner.strip()}) has an argument that is no constant"
                )
            try:
                table = self._table(match.group("name"), [str(a) for a in arguments])
            except _PendingError:
                is_pending = True
                continue
            out += [statement[at : match.start()], table]
            at = closing + 1
        if is_pending:
            raise _PendingError
        return "".join([*out, statement[at:]])

    def _table(self, name: str, arguments: list[str]) -> str:
        """The table of a call, made at the first."""
        parser = self._parsers[name]
        declared = parser.get("ParserParams") or []
        values = [_typed(a, p["Type"]) for a, p in zip(arguments, declared, strict=False)]
        values += [default(p["Type"], p["Default"]) for p in declared[len(values) :]]
        key = (name, *values)
        if key in self._tables:
            return self._tables[key]
        if self._pending is not None and key in self._pending:
            raise _PendingError
        known = {p["Name"]: value for p, value in zip(declared, values, strict=True)}
        case = Case(f"_{name}{len(self._schema)}", self._template_of(parser, known))
        if self._pending is not None:
            case = Case(f"_{name}{len(self._schema) + len(self._pending)}", case.template)
            self._pending[key] = case
            raise _PendingError
        self._make(case)
        self._describe(case.table)
        self._tables[key] = case.table
        return case.table

    def _template_of(self, parser: dict[str, Any], known: dict[str, str]) -> Template:
        """The SQL of a call."""
        lets = "".join(f"let {parameter} = {value};\n" for parameter, value in known.items())
        body = executable(parser_query(parser))
        text = self._expand(lets + self._expand(body, known), {})
        return self._templates.template(text, self._schema)

    def _constant(self, text: str, known: dict[str, str]) -> str | None:
        """The literal that an expression of constants comes to; None for any other."""
        out, at, bare = [], 0, re.sub(r"//[^\n]*", "", text).strip()
        for match in _TOKEN.finditer(bare):
            if match.group("pipe") or match.group("end"):
                return None
            name = match.group("name")
            if name is None or name in _WORDS or match.start() < at:
                continue
            called = re.compile(r"\s*\(").match(bare, match.end())
            if called and name in ("datetime", "dynamic"):
                at_close = _closing(bare, called.end())
                out.append(bare[at : at_close + 1])
                at = at_close + 1
            elif called:
                if name in _TABULAR or name in self._parsers:
                    return None
            elif name in known:
                out += [
                    bare[at : match.start()],
                    f"({known[name]})" if not _is_literal(known[name]) else known[name],
                ]
                at = match.end()
            else:
                return None
        return self._evaluate("".join([*out, bare[at:]]))

    def _evaluate(self, text: str) -> str | None:
        if _is_literal(text):
            return text
        if text not in self._constants:
            [(_, kind)], [[value]] = self.fetch(self._timed(self._templates.sql(f"print v = {text}", {})))
            self._constants[text] = (
                f"dynamic({value})" if kind == "JSON" and isinstance(value, str) else _literal(value)
            )
        return self._constants[text]


def _is_literal(text: str) -> bool:
    return bool(
        re.fullmatch(
            r"-?\d+(\.\d+)?|\d+(ms|[dhms])|true|false|datetime\([\w:.+\- ]*\)|dynamic\([^()]*\)|\"[^\"\\]*\"|'[^'\\]*'|int\(null\)",
            text,
        )
    )


def _literal(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, dt.datetime):
        return f"datetime({value.isoformat()}Z)"
    return json.dumps(value) if isinstance(value, str) else None


def _typed(value: str, kind: str) -> str:
    """A number as the type that the parser declares."""
    return (
        f"{kind}({value})" if kind in ("int", "long", "real") and re.fullmatch(r"-?[\d.]+", value) else value
    )


def _statements(text: str) -> Iterator[str]:
    depth, at = 0, 0
    for match in _TOKEN.finditer(text):
        depth += bool(match.group("open")) - bool(match.group("close"))
        if match.group("end") and depth == 0:
            yield text[at : match.start()]
            at = match.end()
    yield text[at:]


def _closing(text: str, start: int) -> int:
    """Where the bracket closes that was opened just before `start`."""
    depth = 1
    for match in _TOKEN.finditer(text, start):
        depth += bool(match.group("open")) - bool(match.group("close"))
        if depth == 0:
            return match.start()
    raise ValueError(f"a bracket is not closed: {text[start : start + 60]}")


def _arguments(text: str) -> list[str]:
    depth, at, found = 0, 0, []
    for match in _TOKEN.finditer(text):
        depth += bool(match.group("open")) - bool(match.group("close"))
        if match.group("comma") and depth == 0:
            found.append(text[at : match.start()])
            at = match.end()
    return [part for part in [*found, text[at:]] if part.strip()]
