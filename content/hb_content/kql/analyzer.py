"""Gives every KQL text of the repository to Microsoft's analyzer, and prints what its results look like.

    target/tools/venv/bin/python -B content hb_content.kql.analyzer [FILE...]

Prints JSON by text: the columns of the result with their types, the calls of our functions, and what is wrong.
Without files it checks all; exit code 1 when anything is wrong.
"""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from hb_content.documents import workbook as workbooks
from hb_content.documents.files import ROOT, Content, Query, data
from hb_content.kql.kept import Kept, code, reachable

#: What Sentinel adds to the columns of a watchlist.
WATCHLIST_COLUMNS = {"_DTItemId": "string", "LastUpdatedTimeUTC": "datetime", "SearchKey": "string"}

#: Tables that are absent from a workspace that has not had an alert or incident yet.
LATE_TABLES = ("SecurityAlert", "SecurityIncident")

LATE_NAMES = ("_GetWatchlist", *LATE_TABLES)

#: `isfuzzy` met a table that is not there: a warning, and what it is for.
FUZZY_MISS = "KS205"

Workspace = dict[str, Any]
Results = dict[str, dict[str, Any]]


def texts(content: Content) -> list[Query]:
    """Every KQL text that is no function."""
    found = [item.query for kind in ("rule", "hunt") for item in content.of(kind) if item.query]
    for item in content.of("alert"):
        # `{site}` and the like are filled in by Bicep; a number fits inside quotes and outside.
        found.append(Query(item.path, re.sub(r"\{[a-z]+\}", "1", item.text)))
    for item in content.of("workbook"):
        found += workbooks.queries(item) + workbooks.variants(item)
    return found


def _watchlist(content: Content, late: bool) -> dict[str, Any]:
    """Sentinel's function, as if all our watchlists were one. One that does not exist has neither rows nor columns."""
    header = {name: "string" for header in content.watchlists().values() for name in header}
    listed = ", ".join(f"{name}:{kind}" for name, kind in (WATCHLIST_COLUMNS | header).items())
    body = "print Gone = 1 | project-away Gone" if late else f"datatable({listed})[]"
    return {"name": "_GetWatchlist", "parameters": [{"name": "alias", "type": "string"}], "body": body}


def workspace(content: Content, late: bool) -> Workspace:
    """What analyzer.mjs wants. With `late` it is a new workspace: no watchlist, no alert and no incident yet."""
    tables = [{"name": "AISecurityEvents_CL", "columns": content.columns()}]
    functions: list[dict[str, Any]] = [_watchlist(content, late)]
    for name, table in data("azure_tables.json").items():
        if not (late and name in LATE_TABLES):
            columns = [{"name": column, "type": kind} for column, kind in table["columns"].items()]
            tables.append({"name": name, "columns": columns})
        # Azure's own function over a table, which gives its rows also before the table exists.
        if "function" in table:
            functions.append({"name": table["function"], "parameters": [], "body": name})
    for item in content.of("parser"):
        if item.query:
            functions.append(
                {"name": item.function_name, "parameters": item.parameters, "body": item.query.text}
            )
    listed_texts = [{"id": query.id, "query": query.text} for query in texts(content)]
    found: Workspace = {"tables": tables, "functions": functions, "texts": listed_texts}
    if late:
        # The others see no difference: they call these.
        every = [(f"function:{function['name']}", str(function["body"])) for function in functions[1:]]
        every += [(query["id"], query["query"]) for query in listed_texts]
        found["only"] = [name for name, text in every if re.search(rf"\b({'|'.join(LATE_NAMES)})\b", text)]
    return found


def run(workspaces: Sequence[Workspace]) -> list[Results]:
    """
    The results for workspaces, of those texts that `only` names if it is there. A text is analyzed once with the same
    tables and functions, in this process or in another one before it. Raises `RuntimeError` with analyzer.mjs's own words
    when that cannot analyze.
    """
    kept = Kept("analysis")
    made_from = [_made_from(workspace) for workspace in workspaces]
    found: dict[str, dict[str, Any]] = {}
    claimed: set[str] = set()
    missing: list[tuple[Workspace, dict[str, list[Any]]]] = []
    with kept.alone():
        for workspace, texts_of in zip(workspaces, made_from, strict=True):
            unknown = {}
            for name, parts in texts_of.items():
                key = json.dumps(parts)
                if key in claimed:
                    continue
                claimed.add(key)
                text = kept.get(parts)
                if text is None:
                    unknown[name] = parts
                else:
                    found[key] = json.loads(text)
            if unknown:
                missing.append((workspace | {"only": list(unknown)}, unknown))
        for (_, unknown), results in zip(missing, _analyzed([item for item, _ in missing]), strict=True):
            for name, parts in unknown.items():
                found[json.dumps(parts)] = results[name]
                kept.put(parts, json.dumps(results[name]))
    # A result of its own each time: `merged` adds to them.
    return [
        {name: copy.deepcopy(found[json.dumps(parts)]) for name, parts in texts_of.items()}
        for texts_of in made_from
    ]


def _made_from(workspace: Workspace) -> dict[str, list[Any]]:
    """By text, all that its result is made from."""
    functions = [f"function {item['name']} {_words(item)}" for item in workspace["functions"]]
    texts_of = {f"function:{item['name']}": (item, _words(item)) for item in workspace["functions"]}
    texts_of |= {item["id"]: (item["query"], item["query"]) for item in workspace["texts"]}
    only = workspace.get("only", texts_of)
    return {
        name: [_version(), workspace["tables"], whole, reachable(words, functions)]
        for name, (whole, words) in texts_of.items()
        if name in only
    }


def _words(function: dict[str, Any]) -> str:
    """All that a function says."""
    declared = [" ".join(parameter.values()) for parameter in function["parameters"]]
    return "\n".join([*declared, function["body"]])


@cache
def _version() -> list[str]:
    """What analyzes: the script, and Microsoft's package."""
    package = ROOT / "target/tools/node_modules/@kusto/language-service-next/package.json"
    return [
        code(str(Path(__file__).with_name("analyzer.mjs")), *([str(package)] if package.exists() else []))
    ]


def _analyzed(workspaces: Sequence[Workspace]) -> list[Results]:
    """What analyzer.mjs says of workspaces, in two processes."""
    middle = (len(workspaces) + 1) // 2
    halves = [half for half in (workspaces[:middle], workspaces[middle:]) if half]
    with ThreadPoolExecutor(max_workers=2) as pool:
        return [result for half in pool.map(_run, halves) for result in half]


def _run(workspaces: Sequence[Workspace]) -> list[Results]:
    script = Path(__file__).with_name("analyzer.mjs")
    task = json.dumps({"workspaces": list(workspaces)})
    done = subprocess.run(
        ["node", str(script)], input=task, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip() or f"node ended with {done.returncode}")
    found: list[Results] = json.loads(done.stdout)
    return found


def _kinds(result: dict[str, Any]) -> dict[str, str]:
    return {column["name"]: column["type"] for column in result["columns"] or []}


def merged(full: Results, late: Results) -> Results:
    """The results, with what is wrong in a new workspace only under `late`."""
    for name, result in full.items():
        other = late.get(name, result)
        known = {(item["code"], item["line"], item["column"]) for item in result["diagnostics"]}
        result["late"] = [
            item
            for item in other["diagnostics"]
            if item["code"] != FUZZY_MISS and (item["code"], item["line"], item["column"]) not in known
        ]
        # Of a `project` over a table that is not there the analyzer knows no types.
        if "unknown" not in _kinds(other).values() and _kinds(other) != _kinds(result):
            message = "the columns of the result are not the same without the watchlist or the tables"
            result["late"].append(
                {"line": 1, "column": 1, "severity": "Error", "code": "HB002", "message": message}
            )
    return full


def analyze(contents: Sequence[Content]) -> list[Results]:
    """The results for each content; equal ones are checked once."""
    pairs = [(workspace(content, False), workspace(content, True)) for content in contents]
    keys = [json.dumps(pair, sort_keys=True) for pair in pairs]
    distinct = dict(zip(keys, pairs, strict=True))
    flat = run([side for pair in distinct.values() for side in pair])
    by_key = {key: merged(flat[2 * index], flat[2 * index + 1]) for index, key in enumerate(distinct)}
    return [by_key[key] for key in keys]


def main(arguments: Sequence[str]) -> int:
    """The command."""
    content = Content.read(ROOT)
    wanted = {Path(name).resolve().relative_to(ROOT).as_posix() for name in arguments}
    results = analyze([content])[0]
    bodies = {item.query.id: item.path for item in content.of("parser") if item.query}
    shown = {
        name: result
        for name, result in results.items()
        if name in bodies or not name.startswith("function:")
        if not wanted or bodies.get(name, name.partition("#")[0]) in wanted
    }
    print(json.dumps(shown, indent=1))
    return int(any(result["diagnostics"] or result["late"] for result in shown.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
