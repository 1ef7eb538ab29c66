"""What the checks read: files of a repository as texts, and the walks over them that several checks share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from hb_content.documents.files import Content, document, texts
from hb_content.documents.sources import parser_name, parser_version, value

PACKAGE = "sentinel/package/"
TEMPLATE = PACKAGE + "mainTemplate.json"
REPOSITORIES = "sentinel/repositories/"
CONFIG = "sentinel-deployment.config"
SOURCES = {
    "AnalyticsRule": "analytic-rules",
    "HuntingQuery": "hunting-queries",
    "Parser": "parsers",
    "Workbook": "workbooks",
}

#: What holds nothing of ours.
NOT_OURS = {".git", "target", "dist", "node_modules", "__pycache__", ".venv"}

Finding = tuple[str, str]


class Given:
    """A repository: texts by path, which a case may change before anything is asked."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files

    @classmethod
    def read(cls, root: Path) -> Given:
        """All that is text in sentinel/ and infra/; of other files only the names, of those that Repositories would try."""
        found = dict.fromkeys(_tried(root, root), "") | texts(root, "sentinel", "infra")
        found[CONFIG] = (root / CONFIG).read_text(encoding="utf-8")
        return cls(dict(sorted(found.items())))

    def below(self, folder: str, end: str = "") -> list[str]:
        """The paths that begin and end so."""
        return [path for path in self.files if path.startswith(folder) and path.endswith(end)]

    def json(self, path: str) -> Any:
        """A file; `{}` when it is no JSON, which a check of its own says. It is not to be changed."""
        found = document(path, "", self.files.get(path, ""))
        return {} if found.error else found.value

    @cached_property
    def template(self) -> dict[str, Any]:
        """mainTemplate.json."""
        found: dict[str, Any] = self.json(TEMPLATE)
        return found

    @cached_property
    def solution(self) -> dict[str, Any]:
        """solution.yaml."""
        found: dict[str, Any] = value(Content(self.files), "sentinel/solution/solution.yaml")
        return found

    def source(self, kind: str) -> dict[str, tuple[str, str]]:
        """The content of a kind as its files have it: content id and version, by path."""
        found = {}
        for path in self.below(f"sentinel/{SOURCES[kind]}/"):
            stem = Path(path).stem
            if kind == "Workbook" and path.endswith(".json"):
                found[path] = (stem, self.solution["workbooks"].get(stem, {}).get("version", ""))
            elif path.endswith(".yaml"):
                file = value(Content(self.files), path)
                if kind == "Parser":
                    found[path] = (f"{parser_name(file)}-Parser", parser_version(file))
                else:
                    found[path] = (file["id"], file["version"])
        return found

    def templates(self) -> list[dict[str, Any]]:
        """The properties of the content templates."""
        return [
            item["properties"]
            for item in self.template.get("resources", [])
            if item["type"].endswith("/contentTemplates")
        ]

    def package(self) -> dict[str, Any]:
        """The properties of the package itself."""
        found = [
            item["properties"]
            for item in self.template.get("resources", [])
            if item["type"].endswith("/contentPackages")
        ]
        return found[0] if found else {}


def _tried(root: Path, folder: Path) -> Iterator[str]:
    """The files that Repositories would try to deploy."""
    for path in folder.iterdir():
        if path.is_dir():
            if path.name not in NOT_OURS and not (folder == root and path.name.startswith("target")):
                yield from _tried(root, path)
        elif path.suffix in (".json", ".bicep"):
            yield path.relative_to(root).as_posix()


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every part of a value with its path."""
    yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from walk(item, f"{path}/{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from walk(item, f"{path}/{index}")


def resources(template: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every resource of a template and of the templates inside it."""
    for _, part in walk(template):
        if isinstance(part, dict) and "type" in part and "apiVersion" in part:
            yield part


def called(value: Any, function: str) -> set[str]:
    """The names that expressions give to `parameters` or `variables`, without those of a template inside (`[[…]`)."""
    found: set[str] = set()
    for _, text in walk(value):
        if isinstance(text, str) and text.startswith("[") and not text.startswith("[["):
            found |= set(re.findall(rf"\b{function}\('([^']+)'\)", text))
    return found
