"""What takes long to make of KQL, kept in a folder below target/ from one process to the next.

Each thing is kept under the hash of everything that it is made from, so what changed has another hash, and nothing that is
out of date can be found. Files are written beside their place and moved there, so processes do not disturb each other.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from hb_content.documents.files import ROOT

try:
    import fcntl
except ImportError:  # Windows has none; there the same is made twice.
    fcntl = None  # type: ignore[assignment]

#: Where processes look for content that does not stand in a checkout.
_VARIABLE = "HB_CONTENT_KEPT"
_WORD = re.compile(r"\w+")


class Kept:
    """The things of a kind, in a folder; without one nothing is kept."""

    def __init__(self, kind: str, folder: Path | None = None, root: Path = ROOT) -> None:
        base = folder or _folder(root)
        self._folder = base / kind if base else None

    def get(self, made_from: Any) -> str | None:
        """What was made from this, if it is whole."""
        if self._folder is None:
            return None
        try:
            return zlib.decompress(self._path(self._folder, made_from).read_bytes()).decode()
        except (OSError, zlib.error, UnicodeDecodeError):
            return None

    def put(self, made_from: Any, text: str) -> None:
        """Keeps what was made; where that cannot be done, the next process makes it again."""
        if self._folder is None:
            return
        path = self._path(self._folder, made_from)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as part:
                part.write(zlib.compress(text.encode(), 1))
            Path(part.name).replace(path)
        except OSError:
            pass

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Lets one process at a time make things of the kind: the next finds what the first has made."""
        if self._folder is None or fcntl is None:
            yield
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @staticmethod
    def _path(folder: Path, made_from: Any) -> Path:
        name = hashlib.sha256(json.dumps(made_from).encode()).hexdigest()
        return folder / name[:2] / name[2:]


def _folder(root: Path) -> Path | None:
    if named := os.environ.get(_VARIABLE):
        return Path(named)
    return root / "target/kql" if (root / "target").is_dir() else None


def code(*paths: str) -> str:
    """The hash of files of code."""
    return hashlib.sha256(b"\0".join(Path(path).read_bytes() for path in paths)).hexdigest()


def reachable(kql: str, functions: Sequence[str]) -> list[str]:
    """The functions, given as `function NAME…`, that a text can come to call: what others are does not matter to it."""
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
