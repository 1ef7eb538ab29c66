"""Prints sentinel/README.md with its generated tables as the files of sentinel/ have them now.

    target/tools/venv/bin/python -B content hb_content.packaging.coverage [ROOT]

A table stands between `<!-- generated: NAME -->` and `<!-- end: NAME -->`: the parsers with their parameters, ATT&CK by
rule and hunt, and what each OWASP category is mapped to in ATLAS and in other frameworks. `make infra` writes what this prints.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from hb_content.documents.files import FOLDERS, ROOT, Content, Document, data
from hb_content.documents.frameworks import mapped

README = "sentinel/README.md"

#: The folder of each kind of content, as README.md sees it.
PLACES = {kind: folder.removeprefix("sentinel/") for folder, kind in FOLDERS.items()}

#: The row of a parser's datatable that maps an OWASP category.
MAPPED = re.compile(r'^\s*"((?:LLM|ASI)\d\d)", "([^"]*)", "([^"]*)", "([^"]*)",?\s*$', re.MULTILINE)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown. No cell may hold what ends one."""
    lines = [list(head), ["---"] * len(head), *(list(row) for row in rows)]
    assert not any("|" in cell or "\n" in cell for line in lines for cell in line)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def link(item: Document) -> str:
    """The name of a file, as a link."""
    return f"[{item.stem}]({PLACES[item.kind]}/{Path(item.path).name})"


def parsers(content: Content) -> str:
    """Every parser, with its title and what it may be asked."""
    rows = []
    for item in content.of("parser"):
        parameters = []
        for parameter in item.parameters:
            shown = parameter.get("default", "required")
            empty = shown in ("datetime(null)", "dynamic([])")
            parameters.append(f"`{parameter['name']}`" + ("" if empty else f" ({shown})"))
        title = (item.value.get("Function") or item.value["Parser"])["Title"].removeprefix("Humanbound ")
        rows.append([link(item), title[0].upper() + title[1:], ", ".join(parameters)])
    return table(["parser", "what it gives", "parameters (default)"], rows)


def techniques(ids: Iterable[str]) -> str:
    """Techniques of ATT&CK as links, since the ids alone mean little."""
    addresses = ((name, name.replace(".", "/")) for name in ids)
    return ", ".join(
        f"[{name}](https://attack.mitre.org/techniques/{address}/)" for name, address in addresses
    )


def spelt(tactic: str) -> str:
    """`InitialAccess`, as the files spell it, in the words that people read."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", tactic)


def attack(content: Content) -> str:
    """Rules and hunts by tactic, in the order of the matrix; a cell has the techniques that belong to both."""
    known = data("frameworks.json")["attack"]
    items = [item for kind in ("rule", "hunt") for item in content.of(kind)]
    used = {tactic for item in items for tactic in item.value["tactics"]}
    tactics = [tactic for tactic in known["tactics"] if tactic in used]
    assert len(tactics) == len(used), used
    rows = []
    for item in items:
        row = [link(item), item.kind]
        for tactic in tactics:
            listed = tactic in item.value["tactics"]
            owned = [
                name
                for name in item.value["relevantTechniques"]
                if tactic in known["techniques"][name.split(".")[0]]
            ]
            row.append((techniques(owned) or "yes") if listed else "")
        rows.append(row)
    return table(["content", "kind", *(spelt(tactic) for tactic in tactics)], rows)


def owasp(content: Content) -> str:
    """What the lookup in HumanboundEvents makes of an OWASP category."""
    text = next(
        item.query.text for item in content.of("parser") if item.stem == "HumanboundEvents" and item.query
    )
    found = MAPPED.findall(text)
    assert [row[0] for row in found] == list(data("frameworks.json")["owasp"]["categories"]), found
    rows = [
        [
            category,
            name,
            f"[{atlas}](https://atlas.mitre.org/techniques/{atlas})" if atlas else "none",
            spelt(tactic),
        ]
        for category, name, atlas, tactic in found
    ]
    return table(["OWASP", "name", "ATLAS technique", "ATT&CK tactic of a critical finding"], rows)


def frameworks(content: Content) -> str:
    """What HumanboundFrameworks gives; the linter holds it to the public mappings."""
    categories = data("frameworks.json")["mappings"]["categories"]
    return table(
        ["OWASP", "NIST AI 600-1", "ISO/IEC 42001 Annex A", "EU AI Act"],
        [[category, *(cell or "none" for cell in mapped(category)[1:])] for category in categories],
    )


TABLES: dict[str, Callable[[Content], str]] = {
    "parsers": parsers,
    "attack": attack,
    "owasp": owasp,
    "frameworks": frameworks,
}


def page(content: Content) -> str:
    """README.md with fresh tables."""
    text = content.files[README]
    for name, make in TABLES.items():
        begin, end = f"<!-- generated: {name} -->\n", f"<!-- end: {name} -->"
        before, found_begin, rest = text.partition(begin)
        _, found_end, after = rest.partition(end)
        assert found_begin and found_end, f"{README} has no place for the table {name}"
        text = before + begin + make(content) + "\n" + end + after
    return text


if __name__ == "__main__":
    sys.stdout.buffer.write(page(Content.read(Path(sys.argv[1]) if sys.argv[1:] else ROOT)).encode())
