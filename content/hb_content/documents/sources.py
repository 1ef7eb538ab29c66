"""What the files of sentinel/ hold, for those who run, draw and package it: parsers, rules, hunts, workbooks, watchlists.

`Content` in files.py has read and parsed them; here they are taken over by the names that people call them by.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hb_content.documents.files import ROOT, Content, default

TABLE = "AISecurityEvents_CL"

File = dict[str, Any]

#: The keys that hold the KQL of a kind, one of which a file must have.
_QUERIES = {"parser": ("FunctionQuery", "ParserQuery"), "rule": ("query",), "hunt": ("query",)}


class ContentError(Exception):
    """Content that cannot be used, with the file and the way out."""


@dataclass(frozen=True)
class Watchlist:
    """A watchlist: its settings in Azure, and its rows as CSV."""

    settings: File
    rows: str


@dataclass(frozen=True)
class Sources:
    """Files by their names without ending, in the order of the names."""

    #: The columns of the table: name and type, in KQL's words.
    columns: list[dict[str, str]]
    parsers: dict[str, File]
    rules: dict[str, File]
    hunts: dict[str, File]
    workbooks: dict[str, File]

    @staticmethod
    def load(root: Path = ROOT) -> Sources:
        """The sources below `root`; fails with ContentError."""
        return read(Content.read(root))

    @property
    def kinds(self) -> list[tuple[str, str]]:
        """The columns of the table as pairs of name and type."""
        return [(column["name"], column["type"]) for column in self.columns]


def read(content: Content) -> Sources:
    """The sources of a content; fails with ContentError."""

    def of(kind: str) -> dict[str, File]:
        found = {}
        for item in content.documents:
            if item.kind != kind:
                continue
            if item.error:
                raise ContentError(f"{item.path}: {item.error}")
            keys = _QUERIES.get(kind, ())
            value = item.value
            if not isinstance(value, dict) or (
                keys and not any(isinstance(value.get(key), str) for key in keys)
            ):
                raise ContentError(f"{item.path}: has no text `{'` or `'.join(keys)}`")
            found[item.stem] = value
        return found

    return Sources(
        columns=value(content, f"sentinel/tables/{TABLE}.json"),
        parsers=of("parser"),
        rules=of("rule"),
        hunts=of("hunt"),
        workbooks=of("workbook"),
    )


def value(content: Content, path: str) -> Any:
    """What a file of JSON or YAML holds; fails with ContentError."""
    found = content.document(path)
    if found is None:
        raise ContentError(f"{path} is missing")
    if found.error:
        raise ContentError(f"{path}: {found.error}")
    return found.value


def watchlists(content: Content) -> dict[str, Watchlist]:
    """The watchlists, by their aliases; fails with ContentError."""
    return {
        Path(path).stem: Watchlist(value(content, path.removesuffix("csv") + "json"), content.files[path])
        for path in sorted(content.files)
        if path.startswith("sentinel/watchlists/") and path.endswith(".csv")
    }


def parser_name(file: File) -> str:
    """The name of a function's resource."""
    return str(file.get("FunctionName") or file["ParserName"])


def parser_query(file: File) -> str:
    """The KQL of a function; ASIM's parsers have other keys than Sentinel's functions."""
    return str(file.get("FunctionQuery") or file["ParserQuery"])


def parser_version(file: File) -> str:
    """The version of a function's file."""
    return str((file.get("Function") or file["Parser"])["Version"])


def parameters(file: File) -> str:
    """The parameters of a function: `name:type=default`."""
    found = []
    for item in file.get("ParserParams") or file.get("FunctionParams") or []:
        constant = f"={default(item['Type'], item['Default'])}" if "Default" in item else ""
        found.append(f"{item['Name']}:{item['Type']}{constant}")
    return ", ".join(found)


def by_calls(parsers: Mapping[str, File]) -> list[str]:
    """The parsers' names so that a function comes after those that it calls; fails with ValueError for a circle."""
    names = {parser_name(file): name for name, file in parsers.items()}
    done: list[str] = []

    def visit(name: str, callers: tuple[str, ...]) -> None:
        if name in callers:
            raise ValueError(f"{' calls '.join((*callers, name))}")
        for other in sorted(called(parser_query(parsers[names[name]]), names) - {name}):
            visit(other, (*callers, name))
        if names[name] not in done:
            done.append(names[name])

    for name in sorted(names):
        visit(name, ())
    return done


def called(text: str, names: Iterable[str]) -> set[str]:
    """Those of the functions that a KQL text names."""
    return set(re.findall(r"\b\w+\b", text)) & set(names)
