"""What packages are made from: the files of sentinel/, read once."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

TABLE = "AISecurityEvents_CL"
STREAM = "Custom-AISecurityEvents"


@dataclass(frozen=True)
class Watchlist:
    """A watchlist: what Azure is told of it, and its rows as CSV."""

    settings: dict[str, Any]
    rows: str


@dataclass(frozen=True)
class Sources:
    """Files by their names without end, in the order of the names."""

    solution: dict[str, Any]
    parsers: dict[str, dict[str, Any]]
    rules: dict[str, dict[str, Any]]
    hunts: dict[str, dict[str, Any]]
    workbooks: dict[str, dict[str, Any]]
    watchlists: dict[str, Watchlist]
    columns: list[dict[str, str]]
    page: dict[str, Any]
    push_page: dict[str, Any]
    push: dict[str, Any]
    logo: str
    #: Pictures of workbooks, by their names.
    previews: list[str]
    #: What has an id that people's workspaces know it by: name and id. See `ids` in generate.py.
    ids: dict[str, str]

    @property
    def solution_id(self) -> str:
        """The id of the package, which must never change."""
        return f"{self.solution['publisherId']}.{self.solution['offerId']}"


def read(root: Path) -> Sources:
    """The sources of a repository."""
    sentinel = root / "sentinel"

    def loaded(path: str) -> Any:
        text = (sentinel / path).read_text(encoding="utf-8")
        return json.loads(text) if path.endswith(".json") else yaml.safe_load(text)

    def folder(name: str, end: str) -> dict[str, Any]:
        found = sorted((sentinel / name).glob(f"*.{end}"))
        return {path.stem: loaded(f"{name}/{path.name}") for path in found}

    lists = {
        path.stem: Watchlist(loaded(f"watchlists/{path.stem}.json"), path.read_text(encoding="utf-8"))
        for path in sorted((sentinel / "watchlists").glob("*.csv"))
    }
    known = sentinel / "solution/ids.json"
    return Sources(
        solution=loaded("solution/solution.yaml"),
        parsers=folder("parsers", "yaml"),
        rules=folder("analytic-rules", "yaml"),
        hunts=folder("hunting-queries", "yaml"),
        workbooks=folder("workbooks", "json"),
        watchlists=lists,
        columns=loaded(f"tables/{TABLE}.json"),
        page=loaded("connector/DataConnectorDefinition.json"),
        push_page=loaded("connector/ccf-push/connectorDefinition.json"),
        push=loaded("connector/ccf-push/dataConnector.json"),
        logo=(sentinel / "solution/logo.svg").read_text(encoding="utf-8"),
        previews=sorted(
            path.name
            for theme in ("White", "Black")
            for path in (sentinel / "workbooks/images").glob(f"*{theme}.png")
        ),
        ids=json.loads(known.read_text(encoding="utf-8")) if known.exists() else {},
    )


def parser_name(file: dict[str, Any]) -> str:
    """The name of a function's resource."""
    return str(file.get("FunctionName") or file["ParserName"])


def parser_query(file: dict[str, Any]) -> str:
    """The KQL of a function."""
    return str(file.get("FunctionQuery") or file["ParserQuery"])


def parser_version(file: dict[str, Any]) -> str:
    """The version of a function's file."""
    return str((file.get("Function") or file["Parser"])["Version"])


def by_calls(parsers: dict[str, dict[str, Any]]) -> list[str]:
    """The parsers' names so that a function comes after those that it calls."""
    names = {parser_name(file): name for name, file in parsers.items()}
    done: list[str] = []

    def visit(name: str, callers: tuple[str, ...]) -> None:
        if name in callers:
            raise ValueError(f"{' calls '.join((*callers, name))}")
        called = set(re.findall(r"\b\w+\b", parser_query(parsers[names[name]]))) & names.keys()
        for other in sorted(called - {name}):
            visit(other, (*callers, name))
        if names[name] not in done:
            done.append(names[name])

    for name in sorted(names):
        visit(name, ())
    return done
