"""The one reader of sentinel/: its files, and those of infra/alerts/, as texts and as documents that know their lines.

sources.py has what they hold, for those who do not ask where it stands; workbook.py walks a workbook.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

#: The repository, or a folder that is laid out like it.
ROOT = Path(__file__).resolve().parents[3]
_DATA = Path(__file__).resolve().parent / "data"

#: Folders with files that are checked, and the ends of their names.
FOLDERS = {
    "sentinel/parsers": "parser",
    "sentinel/analytic-rules": "rule",
    "sentinel/hunting-queries": "hunt",
    "sentinel/workbooks": "workbook",
    "infra/alerts": "alert",
}


def data(name: str) -> Any:
    """A file of data/: what Azure, Sentinel and the frameworks publish."""
    return json.loads((_DATA / name).read_text(encoding="utf-8"))


@dataclass(frozen=True, order=True)
class Finding:
    """What is wrong with a file, and the rule that says so."""

    file: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}: [{self.rule}] {self.message}"


@dataclass(frozen=True)
class Query:
    """A KQL text and where it begins: `line` from 1, `indent` columns to the right; JSON texts are on one line."""

    id: str
    text: str
    line: int = 1
    indent: int = 0

    def place(self, line: int, column: int) -> str:
        """`LINE:COLUMN` of the file for a place of the text, or of the text where it is inside JSON."""
        if self.indent < 0:
            return f"{self.id.partition('#')[2]}, {line}:{column} of the query"
        return f"{self.line + line - 1}:{column + self.indent}"


class StrictLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Rejects a key that a mapping has twice; PyYAML takes the last. Parses in C where PyYAML was built with it."""


def _mapping(loader: StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen = set()
    for key, _ in node.value:
        if key.value in seen:
            raise yaml.MarkedYAMLError(
                problem=f"the key {key.value} is here twice", problem_mark=key.start_mark
            )
        seen.add(key.value)
    found: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    return found


StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def is_block(node: yaml.Node) -> bool:
    """Whether a text stands in a block `|`."""
    return isinstance(node, yaml.ScalarNode) and node.style == "|"


@dataclass
class Document:
    """A file. `value` is None, and `error` says why, where it cannot be read."""

    path: str
    kind: str
    text: str
    value: Any = None
    error: str = ""
    nodes: dict[str, yaml.Node] = field(default_factory=dict)

    @property
    def stem(self) -> str:
        """The name of the file without folder and end."""
        return Path(self.path).stem

    @cached_property
    def query(self) -> Query | None:
        """The KQL of a parser, rule, hunt or alert."""
        if self.kind == "alert":
            return Query(self.path, self.text)
        for key in ("query", "FunctionQuery", "ParserQuery"):
            text = self.value.get(key) if isinstance(self.value, dict) else None
            if isinstance(text, str):
                name = f"function:{self.function_name}" if self.kind == "parser" else self.path
                node = self.nodes[key]
                if not is_block(node):
                    return Query(name, text, node.start_mark.line + 1, node.start_mark.column)
                line = node.start_mark.line + 1
                raw = self.text.split("\n")[line:]
                first = next((row for row in raw if row.strip()), "")
                return Query(name, text, line + 1, len(first) - len(first.lstrip(" ")))
        return None

    @property
    def function_name(self) -> str:
        """The name that queries call a parser by."""
        value = self.value if isinstance(self.value, dict) else {}
        return value.get("FunctionAlias") or value.get("FunctionName") or value.get("ParserName") or self.stem

    @property
    def parameters(self) -> list[dict[str, Any]]:
        """The parameters of a parser as KQL has them: name, type and, where there is one, default."""
        value = self.value if isinstance(self.value, dict) else {}
        listed = value.get("ParserParams") or value.get("FunctionParams") or []
        found = []
        for item in listed if isinstance(listed, list) else []:
            if not isinstance(item, dict) or not {"Name", "Type"} <= item.keys():
                continue
            parameter = {"name": str(item["Name"]), "type": str(item["Type"])}
            if "Default" in item:
                parameter["default"] = default(parameter["type"], item["Default"])
            found.append(parameter)
        return found


def default(kind: str, value: object) -> str:
    """A default as the deployment writes it: see `literal` in infra/modules/parsers.bicep."""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return f"'{text}'" if kind == "string" and not text.startswith(("'", '"')) else text


@cache
def document(path: str, kind: str, text: str) -> Document:
    """Reads a file's text; the same text is read once, since reading YAML takes most of the time."""
    found = Document(path, kind, text)
    try:
        if path.endswith((".json", ".config")):
            found.value = json.loads(text)
        elif path.endswith((".yaml", ".yml")):
            loader = StrictLoader(text)
            node = loader.get_single_node()
            if isinstance(node, yaml.MappingNode):
                found.nodes = {key.value: value for key, value in node.value}
            found.value = None if node is None else loader.construct_document(node)
    except (yaml.YAMLError, ValueError) as error:
        found.error = " ".join(str(error).split())
    return found


def texts(root: Path, *tops: str) -> dict[str, str]:
    """The files of folders, however deep, by path."""
    paths = [path for top in tops for path in (root / top).rglob("*") if path.is_file()]
    return {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8", errors="replace")
        for path in sorted(paths)
    }


class Content:
    """Everything that is checked, as texts by path; `files` may be changed before documents are asked for."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files

    @classmethod
    def read(cls, root: Path = ROOT) -> Content:
        """The files of a repository."""
        return cls(texts(root, "sentinel", "infra/alerts"))

    @cached_property
    def documents(self) -> list[Document]:
        """The files of `FOLDERS`, by path."""
        return [
            document(path, kind, text)
            for path, text in sorted(self.files.items())
            if (kind := FOLDERS.get(str(Path(path).parent.as_posix())))
        ]

    def document(self, path: str) -> Document | None:
        """A file, of any folder; None if there is none."""
        kind = FOLDERS.get(Path(path).parent.as_posix(), "")
        return document(path, kind, self.files[path]) if path in self.files else None

    def of(self, kind: str) -> Iterator[Document]:
        """The documents of a kind that can be read."""
        return (item for item in self.documents if item.kind == kind and not item.error)

    def columns(self) -> list[dict[str, str]]:
        """The one column list."""
        item = self.document("sentinel/tables/AISecurityEvents_CL.json")
        found: list[dict[str, str]] = item.value if item else []
        return found

    def watchlists(self) -> dict[str, list[str]]:
        """The columns of each watchlist, by its alias."""
        return {
            Path(path).stem: text.split("\n", 1)[0].strip().split(",")
            for path, text in self.files.items()
            if path.startswith("sentinel/watchlists/") and path.endswith(".csv")
        }
