"""Rules for every file of sentinel/: that it can be read, has the keys it must have and no other, and is itself."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from hb_content.documents.files import FOLDERS, Content, Document, Finding, is_block

RULES = {
    "syntax": "a file that cannot be read, or has a key twice, is not deployed as it was meant",
    "ascii": "the community's checks reject other characters in YAML",
    "file-name": "a file of content is called Name.yaml (workbooks: Name.json), by the name it is known by",
    "file-name-unique": "names of files are unique over all content, as the community's repository wants",
    "unknown-key": "a key that is misspelt is one that Microsoft Sentinel silently does without",
    "missing-key": "what the schema requires is there",
    "value-type": "a value has the type of the schema; YAML makes numbers, dates and truth values of what is not quoted",
    "id-guid": "an id is a GUID in lower case",
    "id-unique": "an id belongs to one piece of content",
    "version-format": "a version is three numbers with dots, at most 20 characters",
    "query-block": "KQL stands in a block `|`: another style folds its lines",
    "query-length": "a query has 1 to 10,000 characters; a function, which is no query by itself, 20,000",
    "branding": "the product is called Microsoft Sentinel",
    "docs-locale": "a link to Microsoft's documentation names no language, so that the reader's is shown",
    "logo-size": "a logo has at most 5 kB",
}

GUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
# A name as Kusto takes it without quotes.
IDENTIFIER = re.compile(r"[A-Za-z_]\w*")

_TYPES = {str: "a text", bool: "true or false", int: "a whole number", list: "a list", dict: "a mapping"}


def shape(schema: Any, value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """
    Compares a value with a schema: a mapping of keys (`key?` may be absent, `*` stands for any) to schemas, a list of
    one schema, a type, or `object` for anything. Yields rule and message.
    """
    wanted: Any = type(schema) if isinstance(schema, (dict, list)) else schema
    if wanted is object:
        return
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        yield "value-type", f"{where or 'the file'} must be {_TYPES[wanted]}"
    elif isinstance(schema, list):
        for index, item in enumerate(value):
            yield from shape(schema[0], item, f"{where}[{index}]")
    elif isinstance(schema, dict) and isinstance(value, dict):
        known = {key.rstrip("?"): inner for key, inner in schema.items()}
        for key, item in value.items():
            inner = known.get(key, known.get("*"))
            name = f"{where}.{key}".lstrip(".")
            if inner is None:
                yield "unknown-key", f"{name} is no key of the schema"
            elif not (item is None and "*" not in known and f"{key}?" in schema):
                yield from shape(inner, item, name)
        for key in schema:
            if not key.endswith("?") and key != "*" and key not in value:
                yield "missing-key", f"{where}.{key} is missing".lstrip(".")


def document(item: Document) -> Iterator[Finding]:
    """What holds for one file, whatever its kind."""
    if item.error:
        yield Finding(item.path, "syntax", item.error)
        return
    if item.kind in ("parser", "rule", "hunt"):
        for number, line in enumerate(item.text.split("\n"), 1):
            if not line.isascii():
                odd = next(character for character in line if not character.isascii())
                yield Finding(item.path, "ascii", f"{number}: {odd!r} is not ASCII")
        node = next(
            (item.nodes[key] for key in ("query", "FunctionQuery", "ParserQuery") if key in item.nodes), None
        )
        if node is not None and not is_block(node):
            yield Finding(item.path, "query-block", f"{node.start_mark.line + 1}: write `|` after the key")
        limit = 20_000 if item.kind == "parser" else 10_000
        if item.query and not 1 <= len(item.query.text.strip()) <= limit:
            yield Finding(
                item.path, "query-length", f"the query has {len(item.query.text.strip())} characters"
            )
        yield from _identity(item)


def _identity(item: Document) -> Iterator[Finding]:
    value = item.value if isinstance(item.value, dict) else {}
    title = value.get("Function") or value.get("Parser")
    version = value.get("version", title.get("Version") if isinstance(title, dict) else None)
    if isinstance(value.get("id"), str) and not GUID.match(value["id"]):
        yield Finding(item.path, "id-guid", f"{value['id']} is no GUID in lower case")
    if isinstance(version, str) and not (re.match(r"^\d+\.\d+\.\d+$", version) and len(version) <= 20):
        yield Finding(item.path, "version-format", f"{version} is not of the form 1.0.0")


def _ids(item: Document) -> list[str]:
    if item.kind == "workbook":
        return re.findall(r'"id":\s*"([0-9A-Fa-f-]{36})"', item.text)
    value = item.value if isinstance(item.value, dict) else {}
    return [value["id"].lower()] if isinstance(value.get("id"), str) else []


def repository(content: Content) -> Iterator[Finding]:
    """What holds for all files together."""
    documents = [item for item in content.documents if item.kind != "alert"]
    ids = Counter(found for item in documents for found in _ids(item))
    names = Counter(item.stem.lower() for item in documents)
    for item in documents:
        for found in sorted({found for found in _ids(item) if ids[found] > 1}):
            yield Finding(item.path, "id-unique", f"{found} is used {ids[found]} times")
        if names[item.stem.lower()] > 1:
            yield Finding(item.path, "file-name-unique", f"another piece of content is called {item.stem}")
    for path, text in content.files.items():
        folder, kind = path.rpartition("/")[0], FOLDERS.get(path.rpartition("/")[0])
        name = PurePosixPath(path).name
        end = {"workbook": "json", "alert": "kql"}.get(kind or "", "yaml")
        pattern = rf"^[a-z][a-z-]*\.{end}$" if kind == "alert" else rf"^[A-Z][A-Za-z0-9]*\.{end}$"
        if kind and name != "README.md" and not re.match(pattern, name):
            yield Finding(path, "file-name", f"a file of {folder} is called Name.{end}")
        if re.search(r"Azure\s+Sentinel", text):
            yield Finding(path, "branding", "write Microsoft Sentinel")
        for match in re.finditer(r"https?://(?:learn|docs)\.microsoft\.com/[a-z]{2}-[a-z]{2}/", text):
            yield Finding(path, "docs-locale", f"leave out the language of {match.group(0)}")
        if path.endswith(".svg") and len(text.encode()) > 5 * 1024:
            yield Finding(path, "logo-size", f"{len(text.encode())} bytes")
