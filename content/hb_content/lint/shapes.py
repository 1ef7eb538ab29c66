"""The shape of what a text gives, as far as the text tells: whether there is a row an event or a finding, and whether it is wide.

The last operator of a pipeline that makes rows fewer decides how many there are, and the last one that names columns which
they are; where there is none, what the pipeline begins with decides. So a join on a right side that ends in `summarize ... by
ProjectId` is a small one, whatever it begins with, and one on `HumanboundFindings()` is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

#: Columns of which there is a value for each event or each finding.
KEYS = {"EventId", "FindingKey", "FindingHash", "FindingId", "SentKey"}
#: Columns that may hold kilobytes.
WIDE = {"Data", "Description"}
_LET = re.compile(r"\blet\s+(\w+)\s*=")
_JOIN = re.compile(r"\|\s*(?:join|lookup)\s+(?:[\w.]+\s*=\s*\w+\s+)*")
_CALL = re.compile(r"\s*(materialize|toscalar)\s*\(")
_TABLE = "AISecurityEvents_CL"

Texts = dict[str, str]


def faults(plain: str, texts: Texts) -> Iterator[str]:
    """What is wrong with a text of which `texts` are the functions; without comments and strings all of them."""
    lets, rest = split(plain)
    for part in (rest, *lets.values()):
        for found in _JOIN.finditer(part):
            right = _operand(part, found.end())
            if _is_long(right, lets, texts):
                yield f"a join has a row an event or a finding on the right: {_shown(right)}"
        for found in re.finditer(r"\bmaterialize\s*\(", part):
            inner = part[found.end() : _closing(part, found.end())]
            if _is_wide(inner, lets, texts):
                yield f"Data or Description is materialized: {_shown(inner)}"
        for found in re.finditer(r"\|\s*summarize\b", part):
            text = _operators(part[found.start() + 1 :])[0]
            for key in ("EventId", "FindingKey"):
                if key in _by(text) and f"hint.shufflekey={key}" not in text:
                    yield f"a summarize by {key} has no hint.shufflekey={key}"


def split(plain: str) -> tuple[Texts, str]:
    """The `let` statements of a text by their names, and the rest."""
    lets: Texts = {}
    rest = ""
    for statement in _statements(plain):
        if match := _LET.match(statement.strip()):
            lets[match[1]] = statement.strip()[match.end() :]
        else:
            rest += statement
    return lets, rest


def _is_long(text: str, lets: Texts, texts: Texts) -> bool:
    """Whether a pipeline gives a row an event or a finding."""
    source, *operators = _operators(text)
    for operator in reversed(operators):
        name = operator.split(maxsplit=1)[0] if operator.split() else ""
        if name in ("summarize", "distinct"):
            # Alerts are bounded by the brake of the rules, however many events there are.
            keys = KEYS & (_by(operator) if name == "summarize" else _words(operator))
            return bool(keys) and _reaches(text, lets, texts)
        if name in ("count", "top", "take", "limit"):
            return False
    return any(_is_long(inner, *scope) for inner, scope in _sources(source, lets, texts)) or _reads(source)


def _reaches(text: str, lets: Texts, texts: Texts) -> bool:
    """Whether the table of events stands in what a pipeline is made of."""
    known = {**texts, **lets}
    seen: set[str] = set()
    waiting = _words(text)
    while waiting:
        seen |= waiting
        waiting = {word for one in waiting if one in known for word in _words(known[one])} - seen
    return _TABLE in seen


def _is_wide(text: str, lets: Texts, texts: Texts) -> bool:
    """Whether a pipeline gives columns of `WIDE`."""
    source, *operators = _operators(text)
    for operator in reversed(operators):
        name = operator.split(maxsplit=1)[0] if operator.split() else ""
        if name in ("summarize", "distinct", "project", "count"):
            return bool(WIDE & _words(operator))
    return any(_is_wide(inner, *scope) for inner, scope in _sources(source, lets, texts)) or _reads(source)


def _sources(source: str, lets: Texts, texts: Texts) -> Iterator[tuple[str, tuple[Texts, Texts]]]:
    """What a pipeline begins with: a pipeline in brackets, names of `let`, and functions, each with what is known there."""
    bare = source.strip()
    if bare.startswith("("):
        yield bare[1 : _closing(bare, 1)], (lets, texts)
        return
    if found := _CALL.match(bare):
        yield bare[found.end() : _closing(bare, found.end())], (lets, texts)
        return
    for word in _words(bare):
        if word in lets:
            yield lets[word], ({name: text for name, text in lets.items() if name != word}, texts)
        elif word in texts:
            yield split(texts[word])[1], (split(texts[word])[0], texts)


def _reads(source: str) -> bool:
    return not source.strip().startswith("(") and _TABLE in _words(source)


def _by(operator: str) -> set[str]:
    """The words after the `by` of a summarize, those of its last level."""
    depth, at = 0, -1
    for found in re.finditer(r"[(\[{]|[)\]}]|\bby\b", operator):
        depth += (found[0] in "([{") - (found[0] in ")]}")
        if depth == 0 and found[0] == "by":
            at = found.end()
    return _words(operator[at:]) if at >= 0 else set()


def _words(text: str) -> set[str]:
    return set(re.findall(r"\b\w+\b", text))


def _operand(text: str, start: int) -> str:
    """The right side of a join: what is in brackets, or a name with its arguments."""
    if text[start : start + 1] == "(":
        return text[start + 1 : _closing(text, start + 1)]
    found = re.match(r"\w+\s*(\()?", text[start:])
    if not found:
        return ""
    end = _closing(text, start + found.end()) + 1 if found[1] else start + found.end()
    return text[start:end]


def _operators(text: str) -> list[str]:
    """The parts of a pipeline, up to where a bracket closes that it is in, or a statement ends."""
    parts: list[str] = []
    depth, begin = 0, 0
    for at, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if depth < 0 or (depth == 0 and character == ";"):
            return [*parts, text[begin:at]]
        if character == "|" and depth == 0:
            parts.append(text[begin:at])
            begin = at + 1
    return [*parts, text[begin:]]


def _closing(text: str, start: int) -> int:
    """Where the bracket closes that was opened just before `start`."""
    depth = 1
    for at, character in enumerate(text[start:], start):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0:
            return at
    return len(text)


def _statements(plain: str) -> Iterator[str]:
    depth, begin = 0, 0
    for at, character in enumerate(plain):
        depth += (character in "([{") - (character in ")]}")
        if character == ";" and depth == 0:
            yield plain[begin:at]
            begin = at + 1
    yield plain[begin:]


def _shown(text: str) -> str:
    return " ".join(text.split())[:60]
