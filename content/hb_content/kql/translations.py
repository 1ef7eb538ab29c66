"""KQL into SQL by duckdb-kql, each text once on a machine.

Parsing KQL takes long: seconds for our parsers alone, in each of the processes that a run of the tests starts. What was
translated is kept in a folder below target/, under the hash of everything that a translation is made from: the text, the
tables' columns, the functions that it can come to call, and the version of the translator. A text that changed has another hash, so nothing that
is out of date can be found. Files are written beside their place and moved there, so processes do not disturb each other.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import re
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

import duckdb_kql
from duckdb_kql import stored_functions

from hb_content.documents.files import ROOT

#: The clock that a translation takes for `now()`: its placeholder in the SQL is replaced by each run's own.
_CLOCK = dt.datetime(2000, 1, 1)
#: What translates, and the code that calls it.
VERSION = [version("duckdb-kql"), hashlib.sha256(Path(__file__).read_bytes()).hexdigest()]
_WORD = re.compile(r"\w+")
#: Where other processes look, for content that does not stand in a checkout.
_VARIABLE = "HB_CONTENT_TRANSLATIONS"


class Translations:
    """Translations, kept in `folder`; with None they are not kept."""

    def __init__(self, folder: Path | None = None, root: Path = ROOT) -> None:
        self._folder = folder or _folder(root)

    def sql(self, kql: str, schema: Mapping[str, Sequence[str]], functions: Sequence[str]) -> str:
        """The SQL of a text that reads tables of `schema` and calls `functions`, given as their definitions."""
        path = self._path(kql, schema, functions)
        found = _read(path) if path else None
        if found is None:
            tables = {name: list(columns) for name, columns in schema.items()}
            parsed = _parsed(tuple(functions))
            found = str(duckdb_kql.to_sql(kql, schema=tables, query_now=_CLOCK, functions=parsed))
            if path:
                _write(path, found)
        return found

    def _path(self, kql: str, schema: Mapping[str, Sequence[str]], functions: Sequence[str]) -> Path | None:
        if self._folder is None:
            return None
        made_from = [VERSION, kql, {name: list(schema[name]) for name in schema}, _reachable(kql, functions)]
        name = hashlib.sha256(json.dumps(made_from).encode()).hexdigest()
        return self._folder / name[:2] / name[2:]


def _folder(root: Path) -> Path | None:
    if named := os.environ.get(_VARIABLE):
        return Path(named)
    return root / "target/kql" if (root / "target").is_dir() else None


def _reachable(kql: str, functions: Sequence[str]) -> list[str]:
    """The functions that a text can come to call, by their names: what others are does not matter to it."""
    known = _words(tuple(functions))
    found: dict[str, None] = {}
    waiting = [*_WORD.findall(kql)]
    while waiting:
        word = waiting.pop()
        for text, words in known.get(word, {}).items():
            if text not in found:
                found[text] = None
                waiting += words
    return sorted(found)


@cache
def _words(functions: tuple[str, ...]) -> dict[str, dict[str, list[str]]]:
    """The texts of functions by their names, each with the words in it."""
    found: dict[str, dict[str, list[str]]] = {}
    for text in functions:
        words = list(dict.fromkeys(_WORD.findall(text)))
        found.setdefault(words[1], {})[text] = words
    return found


@cache
def _parsed(functions: tuple[str, ...]) -> stored_functions.ResolvedFunctions:
    parsed = stored_functions.parse_functions(list(functions))
    assert parsed is not None
    return parsed


def _read(path: Path) -> str | None:
    """What is kept, if it is whole."""
    try:
        return zlib.decompress(path.read_bytes()).decode()
    except (OSError, zlib.error, UnicodeDecodeError):
        return None


def _write(path: Path, text: str) -> None:
    """Keeps a text; where that cannot be done, the next process translates it again."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as part:
            part.write(zlib.compress(text.encode(), 1))
        Path(part.name).replace(path)
    except OSError:
        pass
