"""Proves that each rule of the linter can fail: changes one thing of a content that is right, and looks for the rule.

    target/tools/venv/bin/python -B content tests.lint_cases

The content is valid/, with the real column list and watchlist. A case is (rule, file, old, new): `old` stands
in the file exactly once, and becomes `new`; without `old`, `new` is a file of its own. Exits with 1 when something is off.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

from hb_content.documents.files import ROOT, Content, Finding
from hb_content.kql.analyzer import analyze
from hb_content.lint import hunts, parsers, rules
from hb_content.lint.linter import RULES, lint

from tests import lint_cases_content, lint_cases_workbook

VALID = Path(__file__).resolve().parent / "valid"
CASES = [*lint_cases_content.CASES, *lint_cases_workbook.CASES]


def valid() -> dict[str, str]:
    """The files of the content that is right."""
    shared = {
        path: text
        for path, text in Content.read(ROOT).files.items()
        if path.startswith(("sentinel/tables/", "sentinel/watchlists/"))
    }
    return shared | Content.read(VALID).files


def changed(files: dict[str, str], file: str, old: str, new: str) -> Content:
    """The content of a case."""
    if old:
        paths = [path for path in files if path.endswith(f"/{file}")]
        assert len(paths) == 1, f"{file} is not one file"
        assert files[paths[0]].count(old) == 1, f"{file} has {files[paths[0]].count(old)} times {old!r}"
        return Content(files | {paths[0]: files[paths[0]].replace(old, new)})
    assert file not in files, f"{file} is there already"
    return Content(files | {file: new})


def complaints(found: list[list[Finding]]) -> list[str]:
    """What is off: `found` are the findings of the content that is right, then those of each case."""
    problems = [f"the valid content: {finding}" for finding in found[0]]
    for (rule, file, old, _), findings in zip(CASES, found[1:], strict=True):
        if rule not in {finding.rule for finding in findings}:
            others = ", ".join(sorted({finding.rule for finding in findings})) or "nothing"
            problems.append(f"{rule} does not see the case `{old[:60] or file}`; found: {others}")
    tested = Counter(case[0] for case in CASES)
    problems += [f"{rule} has no case" for rule in RULES if not tested[rule]]
    problems += [f"{rule} has a case and is no rule" for rule in tested if rule not in RULES]
    return problems


def keys(schema: object) -> set[str]:
    """Every key of a schema of the linter, however deep."""
    if isinstance(schema, list):
        return keys(schema[0])
    if not isinstance(schema, dict):
        return set()
    own = {key.rstrip("?") for key in schema if key != "*"}
    return own.union(*(keys(inner) for inner in schema.values()))


def declared(bicep: str, kind: str) -> set[str]:
    """The same of a type of infra/modules/content-types.bicep, with those that it is made of."""
    body = bicep.split(f"\ntype {kind} = {{\n", 1)[1].split("\n}\n", 1)[0]
    own = {match.group(1): match.group(2) for match in re.finditer(r"^\s+(\w+): (.*)$", body, re.M)}
    inner = {name.group(0) for value in own.values() if (name := re.match(r"\w+Type\b", value))}
    return set(own).union(*(declared(bicep, name) for name in inner))


def differences() -> list[str]:
    """Keys that the linter lets pass and the deployment does not know, and the other way round."""
    bicep = (ROOT / "infra/modules/content-types.bicep").read_text(encoding="utf-8")
    pairs = {
        "ruleType": keys(rules.SCHEMA),
        "parserType": keys(parsers.SOLUTION) | keys(parsers.ASIM),
        # A hunt is deployed with the name of its file.
        "huntType": keys(hunts.SCHEMA) | {"content"},
    }
    return [
        f"{kind} of content-types.bicep and the linter differ in {', '.join(sorted(ours ^ declared(bicep, kind)))}"
        for kind, ours in pairs.items()
        if ours != declared(bicep, kind)
    ]


def main() -> int:
    """The command."""
    files = valid()
    contents = [Content(files), *(changed(files, *case[1:]) for case in CASES)]
    results = analyze(contents)
    problems = differences() + complaints(
        [lint(content, result) for content, result in zip(contents, results, strict=True)]
    )
    print("\n".join(problems) if problems else f"{len(CASES)} cases for {len(RULES)} rules")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
