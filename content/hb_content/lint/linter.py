"""Checks parsers, rules, hunts and workbooks, with Microsoft's analyzer and with rules of ours.

    target/tools/venv/bin/python -B content hb_content.lint [ROOT]
    target/tools/venv/bin/python -B content hb_content.lint --rules

Prints `file: [rule-id] message`, a line for each finding, and exits with 1 when there is one. `--rules` lists the rules.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from hb_content.documents.files import ROOT, Content, Document, Finding, Query
from hb_content.documents.workbook import items, queries, texts
from hb_content.kql.analyzer import Results, analyze
from hb_content.lint import azure, budget, hunts, kql, mapping, parsers, rules, schema, workbook

MODULES = (schema, kql, azure, mapping, rules, hunts, parsers, workbook, budget)

#: Every rule with its reason.
RULES: dict[str, str] = {rule: reason for module in MODULES for rule, reason in module.RULES.items()}


def lint(content: Content, results: Results) -> list[Finding]:
    """Every finding about a content and its analysis, sorted."""
    found = {*schema.repository(content), *budget.check(content)}
    for item in content.documents:
        found.update(schema.document(item))
        if not item.error:
            found.update(_document(item, results, content))
            found.update(_queries(item, results, content))
    unknown = {finding.rule for finding in found} - RULES.keys()
    assert not unknown, unknown
    return sorted(found)


def _document(item: Document, results: Results, content: Content) -> Iterator[Finding]:
    result = results.get(item.query.id) if item.query else None
    if item.kind == "parser":
        yield from parsers.check(item)
    elif item.kind == "rule":
        yield from rules.check(item, result, content)
    elif item.kind == "hunt":
        yield from hunts.check(item, result, content)
    elif item.kind == "workbook":
        yield from workbook.check(item, results, content)
    if item.kind in ("rule", "hunt"):
        for rule, message in parsers.frameworks(item):
            yield Finding(item.path, rule, message)


def _queries(item: Document, results: Results, content: Content) -> Iterator[Finding]:
    """The findings of kql, for each KQL text of a document."""
    listed: list[tuple[Query, str]] = [(item.query, item.query.text)] if item.query else []
    if item.kind == "workbook":
        raw = [text for entry in items(item) for _, text in texts(entry)]
        listed = list(zip(queries(item), raw, strict=True))
    for query, text in listed:
        yield from kql.check(item, query, text, results[query.id], content)


def main(arguments: Sequence[str]) -> int:
    """The command."""
    if list(arguments) == ["--rules"]:
        print("\n".join(f"{rule}: {reason}" for rule, reason in RULES.items()))
        return 0
    content = Content.read(Path(arguments[0]) if arguments else ROOT)
    found = lint(content, analyze([content])[0])
    for finding in found:
        print(finding)
    counts = ", ".join(
        f"{sum(1 for _ in content.of(kind))} {kind}s" for kind in ("parser", "rule", "hunt", "workbook")
    )
    print(f"{counts}: {len(found)} findings by {len(RULES)} rules", file=sys.stderr)
    return int(bool(found))
