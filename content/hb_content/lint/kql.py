"""Rules for every KQL text of ours: what the analyzer says, and the best practices that it does not know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from hb_content.documents.files import Content, Document, Finding, Query
from hb_content.lint import azure
from hb_content.lint.code import code, commented

RULES = {
    "kql-diagnostic": "Microsoft's analyzer has nothing to say, not even a warning",
    "kql-new-workspace": "a query runs too where there is no watchlist, alert or incident yet: `union isfuzzy=true` with an empty typed datatable",
    "kql-contains": "`has` uses the index and `contains` does not; a comment on it says why it must be",
    "kql-ignore-case": "`==` and `in` are faster than `=~` and `in~`, and our columns are lower-case; a comment says why not",
    "kql-lowercase-compare": "tolower() and toupper() in a comparison read every row; a comment says why it must be",
    "kql-search-all": "`search *`, `union *` and `* has` read the whole workspace",
    "kql-ingestion-time": "ingestion_time() is lost after a summarize, without a word: it stands right after the table in HumanboundEvents, and nowhere else",
    "kql-events-filter": "HumanboundEvents without a time or a type scans everything",
    "kql-raw-table": "the table holds repeats: all but the parsers that remove or count them read HumanboundEvents",
    "kql-watchlist": "the watchlist is read in HumanboundProjects only, by an alias that sentinel/watchlists has",
    "kql-incident-latest": "SecurityIncident has a row for each change: the latest by IncidentNumber counts",
    "kql-materialize": "a table that a query reads twice is read once when it is materialized",
    "kql-filter-late": "`where` goes before an `extend` that it does not need",
}

#: Parsers that read the table itself: the one that removes repeats, the one that counts them, those that take no more
#: than names and keys from it, and ASIM's.
READS_TABLE = re.compile(
    r"^(HumanboundEvents|HumanboundFeed|HumanboundFeedState|HumanboundFindingKeys|HumanboundProjects|ASim\w+)$"
)


def check(
    document: Document, query: Query, raw: str, result: dict[str, Any], content: Content
) -> Iterator[Finding]:
    """Everything about one text; `raw` is it before parameters were filled in."""
    yield from analyzed(document, query, result)
    if document.kind == "alert":
        return
    plain = code(raw)
    for rule, offset, message in [
        *_practices(raw, plain),
        *_reads(document, raw, plain, content),
        *_lets(plain),
        *azure.check(raw, plain),
    ]:
        line = plain[:offset].count("\n") + 1
        yield Finding(
            document.path, rule, f"{query.place(line, offset - plain.rfind(chr(10), 0, offset))}: {message}"
        )
    for call in result["calls"]:
        # The schema of ASIM fixes the parameters of its parsers, and with them what they can filter by.
        is_asim = document.kind == "parser" and document.function_name.startswith("ASim")
        if call["name"] == "HumanboundEvents" and not call["arguments"] and not is_asim:
            place = query.place(call["line"], 1)
            yield Finding(
                document.path,
                "kql-events-filter",
                f"{place}: HumanboundEvents() is called without a time or a type",
            )


def analyzed(document: Document, query: Query, result: dict[str, Any]) -> Iterator[Finding]:
    """What the analyzer says, in a workspace with everything and in a new one."""
    for rule, key in (("kql-diagnostic", "diagnostics"), ("kql-new-workspace", "late")):
        for item in result[key]:
            place = query.place(item["line"], item["column"])
            said = f"{place}: {item['severity']} {item['code']}: {item['message']}"
            yield Finding(document.path, azure.OF_ANALYZER.get(item["code"], rule), said)


Complaint = tuple[str, int, str]


def _practices(text: str, plain: str) -> Iterator[Complaint]:
    practices = [
        ("kql-contains", r"!?\b(?:not)?contains(?:_cs)?\b", "use has"),
        ("kql-ignore-case", r"=~|!~|\bin~", "use ==, != or in"),
        (
            "kql-lowercase-compare",
            r"\bto(?:lower|upper)\((?:[^()]|\([^()]*\))*\)\s*(?:==|!=|!?in\b|!?has\b|startswith)",
            "compare as it is",
        ),
    ]
    for rule, pattern, message in practices:
        for match in re.finditer(pattern, plain):
            if not commented(text, match.start()):
                yield rule, match.start(), f"`{match.group(0).strip()}`: {message}, or say why not"
    for match in re.finditer(
        r"\bsearch\b(?!\s*=)|\bunion\s+(?:\w+=\w+\s+)*\*|\*\s+(?:has|contains)\b|\bfind\b\s+(?:in|where)",
        plain,
    ):
        yield "kql-search-all", match.start(), f"`{match.group(0).strip()}` reads every table"
    for match in re.finditer(r"\|\s*extend\b", plain):
        end = _end(plain, match.end(), "|;")
        after = re.match(r"\|\s*where\b", plain[end:])
        names = re.findall(r"(?:^|,)\s*(\w+)\s*=(?![=~])", plain[match.end() : end])
        if after and names and "ingestion_time" not in plain[match.end() : end]:
            start = end + after.end()
            if not set(names) & set(re.findall(r"\w+", plain[start : _end(plain, start, "|;")])):
                yield "kql-filter-late", start, f"the filter does not need {', '.join(names)}"


def _reads(document: Document, text: str, plain: str, content: Content) -> Iterator[Complaint]:
    name = document.function_name if document.kind == "parser" else ""
    right = list(
        re.finditer(r"\bAISecurityEvents_CL\s*\|\s*extend IngestionTime = (ingestion_time)\(\)\s*\n", plain)
    )
    allowed = {match.start(1) for match in right} if name == "HumanboundEvents" else set()
    for match in re.finditer(r"\bingestion_time\s*\(", plain):
        if match.start() not in allowed:
            yield "kql-ingestion-time", match.start(), "take FirstIngested of HumanboundEvents"
    if not READS_TABLE.match(name):
        for match in re.finditer(r"\bAISecurityEvents_CL\b", plain):
            yield "kql-raw-table", match.start(), "call HumanboundEvents, which removes repeats"
    for match in re.finditer(r"\b_GetWatchlist\s*\(", plain):
        alias = re.match(r"\s*[\"'](\w+)[\"']", text[match.end() :])
        if name != "HumanboundProjects":
            yield "kql-watchlist", match.start(), "call HumanboundProjects"
        elif not alias or alias.group(1) not in content.watchlists():
            yield "kql-watchlist", match.start(), "the alias is no file of sentinel/watchlists"
    found = re.search(r"\bSecurityIncident\b", plain)
    if found and not re.search(r"\barg_max\(\s*TimeGenerated\b[^|]*\)\s*by\s+IncidentNumber\b", plain):
        yield (
            "kql-incident-latest",
            found.start(),
            "begin with `summarize arg_max(TimeGenerated, *) by IncidentNumber`",
        )


def _lets(plain: str) -> Iterator[Complaint]:
    """Tabular `let`s that read a source, are used twice, and are not materialized."""
    for match in re.finditer(r"\blet\s+(\w+)\s*=\s*", plain):
        end = _end(plain, match.end())
        body = plain[match.end() : end]
        reads = re.search(r"\b(AISecurityEvents_CL\b|Security(Alert|Incident)\b|Humanbound\w+\s*\()", body)
        if not reads or re.match(r"materialize\s*\(|toscalar\s*\(|\(.*\)\s*\{", body):
            continue
        uses = re.findall(rf"(?<![\w.]){match.group(1)}\b(?!\s*=(?!=))", plain[end:])
        if len(uses) > 1:
            yield (
                "kql-materialize",
                match.start(1),
                f"{match.group(1)} is used {len(uses)} times: materialize({match.group(1)})",
            )


def _end(plain: str, start: int, stop: str = ";") -> int:
    """Where it ends that begins at `start`: at a character of `stop` in no bracket, or where a bracket around it closes."""
    depth = 0
    for offset in range(start, len(plain)):
        depth += {"(": 1, "{": 1, "[": 1, ")": -1, "}": -1, "]": -1}.get(plain[offset], 0)
        if depth < 0 or (plain[offset] in stop and depth == 0):
            return offset
    return len(plain)
