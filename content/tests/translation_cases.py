"""Proves that what is kept of translations is never out of date.

    target/tools/venv/bin/python -B content tests.translation_cases

Exits with 1 when something is off.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

from hb_content.kql import translations
from hb_content.kql.translations import Translations

KQL = "Rows() | where Name == 'a' | project Name"
SCHEMA = {"T": ["Name", "Kind"]}
FUNCTIONS = ["function Rows() { Inner() }", "function Inner() { T }"]


def problems(folder: Path) -> Iterator[str]:
    """What is off."""

    def kept() -> set[Path]:
        return {path for path in folder.rglob("*") if path.is_file()}

    def sql(*made_from: object) -> str:
        # One of its own each time, as each process has.
        text, schema, functions = made_from or (KQL, SCHEMA, FUNCTIONS)
        return Translations(folder).sql(text, schema, functions)  # type: ignore[arg-type]

    first = sql()
    [file] = kept()
    with mock.patch("duckdb_kql.to_sql") as translate:
        if sql() != first or translate.called:
            yield "what is kept is translated again"
    changed = [
        ("text", (KQL.replace("'a'", "'b'"), SCHEMA, FUNCTIONS)),
        ("function", (KQL, SCHEMA, [FUNCTIONS[0], "function Inner() { T | where Kind == 'x' }"])),
        ("table", (KQL, {"T": ["Name", "Kind", "More"]}, FUNCTIONS)),
    ]
    for count, (what, made_from) in enumerate(changed, start=2):
        found = sql(*made_from)
        if len(kept()) != count or found != Translations(None, folder).sql(*made_from):
            yield f"with another {what} it is not translated anew"
    unrelated = sql(KQL, SCHEMA, [*FUNCTIONS, "function Other() { T | take 1 }"])
    if len(kept()) != len(changed) + 1 or unrelated != first:
        yield "another function that it does not call is a reason to translate it anew"
    with mock.patch.object(translations, "VERSION", ["another"]):
        sql()
    if len(kept()) != len(changed) + 2:
        yield "with another version of the translator it is not translated anew"
    file.write_bytes(file.read_bytes()[:-9])
    if sql() != first or sql() != first:
        yield "a damaged file is taken for a translation"
    file.unlink()
    with ThreadPoolExecutor(max_workers=8) as pool:
        if set(pool.map(lambda _: sql(), range(32))) != {first}:
            yield "several at once disturb each other"
    if len(kept()) != len(changed) + 2:
        yield "several at once leave something behind"


def main() -> int:
    """The command."""
    with tempfile.TemporaryDirectory() as folder:
        found = list(problems(Path(folder)))
    print("\n".join(found) or "a change is translated anew")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
