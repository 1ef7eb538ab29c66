"""Gives the queries of the connectors' pages, and the transformation of the push connector, to Microsoft's analyzer.

    target/tools/venv/bin/python -B content tests.page_queries

Prints what is wrong, a line each, and exits with 1 when there is something.
"""

from __future__ import annotations

import json
import re
import sys

from hb_content.documents.files import ROOT, Content
from hb_content.kql import analyzer
from hb_content.packaging.given import walk
from hb_content.packaging.sources import read

#: Where a page has KQL, and the columns that Sentinel asks of the result.
COLUMNS = {
    "baseQuery": {"TimeGenerated"},
    "lastDataReceivedQuery": {"Time"},
    "value": {"IsConnected"},
    "query": set(),
}


def main() -> int:
    """The command."""
    sources, texts, wanted = read(ROOT), [], {}
    for page in (sources.page, sources.push_page):
        for place, text in walk(page["properties"]["connectorUiConfig"]):
            found = re.search(r"/(baseQuery|lastDataReceivedQuery|query|value)(?:/\d+)?$", place)
            if found and isinstance(text, str) and "/instructionSteps/" not in place:
                texts.append({"id": f"{page['name']}{place}", "query": text})
                wanted[f"{page['name']}{place}"] = COLUMNS[found[1]]
    # One that must fail, so that silence means something.
    texts.append({"id": "broken", "query": texts[0]["query"].replace("EventFamily", "EventFamly")})
    wanted["broken"] = {"Time"}
    workspace = analyzer.workspace(Content.read(ROOT), late=False) | {"texts": texts, "only": list(wanted)}
    results = analyzer.run([workspace])[0]
    problems = [
        f"{name}: {json.dumps(result['diagnostics'])}"
        for name, result in results.items()
        if result["diagnostics"]
    ]
    for name, columns in wanted.items():
        missing = columns - {column["name"] for column in results[name]["columns"] or []}
        problems += [f"{name}: the result has no column {column}" for column in sorted(missing)]
    noticed = [problem for problem in problems if problem.startswith("broken: ")]
    problems = [problem for problem in problems if problem not in noticed]
    if len(noticed) != 2:
        problems.append(f"a broken query passes: {noticed}")
    if len({name.split("/")[0] for name in wanted}) < 2 or len(wanted) < 12:
        problems.append(f"too few queries were found: {sorted(wanted)}")
    print("\n".join(problems))
    print(f"{len(wanted)} queries of connectors' pages", file=sys.stderr)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
