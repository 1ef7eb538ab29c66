"""SQL in which no type is asked for at run time, because DuckDB can say it beforehand.

The translation knows columns by their names only, so it asks `typeof` of each argument at run time and writes a branch for
every type that it could have. On Azure each column has one type, which the planner knows. Here DuckDB is asked for the types
of each step of a statement, over tables without rows, and the branches of all other types are left out. A step whose columns
would not be what they were stays as it is, and so does one that DuckDB cannot be asked about alone.

`_query` goes from the inside out, `_Folded` shortens one SELECT.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import duckdb
import duckdb_kql

#: A string, a quoted name, a word, or a sign.
_TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[A-Za-z_$][\w$]*|[\s\S]")
_OPEN, _CLOSE = "([{", ")]}"
#: What ends the part of a SELECT that says where its rows come from.
_AFTER_FROM = {
    "WHERE",
    "GROUP",
    "ORDER",
    "LIMIT",
    "HAVING",
    "QUALIFY",
    "WINDOW",
    "UNION",
    "EXCEPT",
    "INTERSECT",
}
#: The mark of a type that is known, and conditions that consist of such marks.
_KNOWN = re.compile(r"§([^§]*)§")
_CONDITION = re.compile(
    r"§(?P<type>[^§]*)§\s*(?P<operator>=|IN|LIKE)\s*(?P<value>'[^']*'|\((?:'[^']*'(?:, )?)+\))\s*(?:(?P<or>OR)\s*|$)"
)

Tokens = Sequence[str]


class Typed:
    """Leaves out of statements what is not of the types that `tables` have, given as statements that create them."""

    def __init__(self, tables: Sequence[str]) -> None:
        self._connection = duckdb_kql.connect()
        for table in tables:
            self._connection.execute(table)
        self._count = 0

    def close(self) -> None:
        """Frees the database."""
        self._connection.close()

    def sql(self, sql: str) -> str:
        """A statement that gives the same rows."""
        return self._query(_TOKEN.findall(sql), {})[0]

    def _query(self, tokens: Tokens, known: Mapping[str, str]) -> tuple[str, str | None]:
        """A query, shorter, and the name of a table without rows that has its columns; `known` are such tables of names."""
        known = dict(known)
        at = _skip(tokens, 0)
        parts = []
        if at < len(tokens) and tokens[at] == "WITH":
            at += 1
            while True:
                begin = at
                at = _skip(tokens, at)
                name = tokens[at]
                while tokens[at] != "(":
                    at += 1
                end = _closing(tokens, at + 1)
                body, table = self._query(tokens[at + 1 : end], known)
                known.pop(name, None)
                if table:
                    known[name] = table
                parts.append("".join(tokens[begin : at + 1]) + body + ")")
                at = _skip(tokens, end + 1)
                if tokens[at] != ",":
                    break
                parts.append(",")
                at += 1
            head = "WITH" + "".join(parts) + "\n"
        else:
            head = ""
        select, table = self._select(tokens[at:], known)
        return head + select, table

    def _select(self, tokens: Tokens, known: Mapping[str, str]) -> tuple[str, str | None]:
        """A SELECT without a WITH. What stands in it in brackets is short before it is."""
        inner: dict[str, tuple[str, str]] = {}
        own: list[str] = []
        at = 0
        while at < len(tokens):
            begin = _skip(tokens, at + 1)
            if tokens[at] == "(" and begin < len(tokens) and tokens[begin] in ("SELECT", "WITH"):
                end = _closing(tokens, at + 1)
                body, table = self._query(tokens[at + 1 : end], known)
                mark = f"zz_inner{len(inner)}"
                inner[mark] = (f"({body})", f"(SELECT * FROM {table})" if table else f"({body})")
                own.append(mark)
                at = end + 1
            else:
                own.append(tokens[at])
                at += 1

        def typing(part: str) -> str:
            """The text as DuckDB can be asked for types."""
            return "".join(
                inner[token][1] if token in inner else known.get(token, token)
                for token in _TOKEN.findall(part)
            )

        def whole(part: str) -> str:
            return re.sub(r"\bzz_inner\d+\b", lambda found: inner[found[0]][0], part)

        text = "".join(own)
        before = self._columns(typing(text))
        if "typeof(" in text:
            short = _Folded(own, lambda args: self._types(args, typing, _from(own))).text
            if short != text:
                after = self._columns(typing(short))
                # Where the branches were of several types, the column would become another.
                text = short if after is not None and after == before else text
        return whole(text), self._table(before)

    def _columns(self, select: str) -> tuple[tuple[str, str], ...] | None:
        try:
            found = self._connection.execute(f"DESCRIBE {select}").fetchall()
        except duckdb.Error:
            return None
        return tuple((row[0], row[1]) for row in found)

    def _table(self, columns: tuple[tuple[str, str], ...] | None) -> str | None:
        if not columns:
            return None
        self._count += 1
        name = f"zz_table{self._count}"
        listed = ", ".join('"{}" {}'.format(column.replace('"', '""'), kind) for column, kind in columns)
        try:
            self._connection.execute(f"CREATE TEMP TABLE {name} ({listed})")
        except duckdb.Error:
            return None
        return name

    def _types(self, arguments: Sequence[str], typing: Callable[[str], str], source: str) -> dict[str, str]:
        """The types of what can be evaluated over a source."""
        listed = ", ".join(f"({typing(one)}) AS c{at}" for at, one in enumerate(arguments))
        if found := self._columns(f"SELECT {listed} {typing(source)}"):
            return {one: kind for one, (_, kind) in zip(arguments, found, strict=True)}
        if len(arguments) == 1:
            return {}
        half = len(arguments) // 2
        return self._types(arguments[:half], typing, source) | self._types(arguments[half:], typing, source)


class _Folded:
    """The text of a SELECT without the branches that are not taken; `types` says which types arguments have."""

    def __init__(self, tokens: Tokens, types: Callable[[Sequence[str]], dict[str, str]]) -> None:
        arguments: dict[str, None] = {}
        variables = {tokens[_skip(tokens, at + 1)] for at, token in enumerate(tokens) if token == "lambda"}
        for at, token in enumerate(tokens):
            if token == "typeof" and tokens[at + 1] == "(":
                arguments["".join(tokens[at + 2 : _closing(tokens, at + 2)])] = None
            elif token == "list_transform" and tokens[at + 1 : at + 3] == ["(", "["]:
                arguments["".join(tokens[at + 3 : _closing(tokens, at + 3)])] = None
        wanted = [one for one in arguments if not variables & set(_TOKEN.findall(one))]
        # A lambda in an argument has variables of its own.
        wanted += [one for one in arguments if one not in wanted and "lambda" in one]
        self._known = types(wanted) if wanted else {}
        self._tokens = tokens
        self._at = 0
        text = self._until((), {})
        self.text = _KNOWN.sub(lambda found: f"'{found[1]}'", text)

    def _until(self, stops: tuple[str, ...], variables: Mapping[str, str]) -> str:
        """The text up to one of `stops` on this level, or to the bracket that closes it."""
        found: list[str] = []
        tokens = self._tokens
        while self._at < len(tokens):
            token = tokens[self._at]
            if token in stops or token in _CLOSE:
                break
            if token == "CASE":
                found.append(self._case(variables))
            elif token == "typeof" and tokens[self._at + 1] == "(":
                found.append(self._typeof(variables))
            elif token == "list_transform" and tokens[self._at + 1 : self._at + 3] == ["(", "["]:
                found.append(self._transform(variables))
            elif token in _OPEN:
                found.append(self._bracket(variables))
            else:
                found.append(token)
                self._at += 1
        return "".join(found)

    def _bracket(self, variables: Mapping[str, str]) -> str:
        opening = self._tokens[self._at]
        self._at += 1
        inner = self._until((), variables)
        closing = self._tokens[self._at]
        self._at += 1
        return opening + inner + closing

    def _typeof(self, variables: Mapping[str, str]) -> str:
        begin = self._at + 2
        end = _closing(self._tokens, begin)
        argument = "".join(self._tokens[begin:end])
        kind = variables.get(argument) or self._known.get(argument)
        if kind:
            self._at = end + 1
            return f"§{kind}§"
        self._at += 1
        return "typeof" + self._bracket(variables)

    def _transform(self, variables: Mapping[str, str]) -> str:
        """`list_transform([argument], lambda name: body)`: the name has the argument's type."""
        begin = self._at + 3
        argument = "".join(self._tokens[begin : _closing(self._tokens, begin)])
        self._at += 2
        listed = self._bracket(variables)
        begin = self._at
        while self._tokens[self._at] != "lambda":
            self._at += 1
        at = _skip(self._tokens, self._at + 1)
        name = self._tokens[at]
        self._at = at + 1
        inner = dict(variables)
        inner.pop(name, None)
        if kind := self._known.get(argument):
            inner[name] = kind
        head = "".join(self._tokens[begin : self._at])
        body = self._until((), inner)
        self._at += 1
        return f"list_transform({listed}{head}{body})"

    def _case(self, variables: Mapping[str, str]) -> str:
        self._at += 1
        operand = self._until(("WHEN",), variables).strip()
        branches: list[tuple[str, str]] = []
        otherwise: str | None = None
        while (word := self._tokens[self._at]) != "END":
            self._at += 1
            if word == "WHEN":
                condition = self._until(("THEN",), variables).strip()
                self._at += 1
                branches.append((condition, self._until(("WHEN", "ELSE", "END"), variables).strip()))
            else:
                otherwise = self._until(("END",), variables).strip()
        self._at += 1
        return _chosen(operand, branches, otherwise)


def _chosen(operand: str, branches: Sequence[tuple[str, str]], otherwise: str | None) -> str:
    """A CASE without the branches of which is known that they are not taken."""
    left = []
    for condition, value in branches:
        kind = re.fullmatch(_KNOWN, operand)
        holds = (condition == f"'{kind[1]}'") if kind else None if operand else _holds(condition)
        if holds is None:
            left.append((condition, value))
        elif holds:
            otherwise = value
            break
    if not left:
        return f"({otherwise})" if otherwise is not None else "NULL"
    listed = "".join(f" WHEN {condition} THEN {value}" for condition, value in left)
    return f"CASE{' ' + operand if operand else ''}{listed}{'' if otherwise is None else ' ELSE ' + otherwise} END"


def _holds(condition: str) -> bool | None:
    """Whether a condition on known types holds; None for any other."""
    at, result = 0, False
    while at < len(condition):
        found = _CONDITION.match(condition, at)
        if not found:
            return None
        value = found["value"]
        if found["operator"] == "LIKE":
            pattern = re.escape(value[1:-1]).replace("%", ".*")
            result = result or re.fullmatch(pattern, found["type"]) is not None
        else:
            result = result or found["type"] in re.findall(r"'([^']*)'", value)
        at = found.end()
        if at == len(condition) and found["or"]:
            return None
    return result if condition else None


def _from(tokens: Tokens) -> str:
    """Where the rows of a SELECT come from, from the word FROM on; empty where it has none."""
    depth, begin = 0, -1
    for at, token in enumerate(tokens):
        depth += (token in _OPEN) - (token in _CLOSE)
        if depth == 0 and begin < 0 and token == "FROM":
            begin = at
        elif depth == 0 and begin >= 0 and token in _AFTER_FROM:
            return "".join(tokens[begin:at])
    return "".join(tokens[begin:]) if begin >= 0 else ""


def _skip(tokens: Tokens, at: int) -> int:
    """The next token that is not white."""
    while at < len(tokens) and tokens[at].isspace():
        at += 1
    return at


def _closing(tokens: Tokens, start: int) -> int:
    """Where the bracket closes that was opened just before `start`."""
    depth = 1
    for at in range(start, len(tokens)):
        token = tokens[at]
        if token in _OPEN:
            depth += 1
        elif token in _CLOSE:
            depth -= 1
            if depth == 0:
                return at
    return len(tokens)
