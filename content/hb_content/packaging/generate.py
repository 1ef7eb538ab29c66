"""Makes the Content Hub package and the files of Sentinel Repositories from the files of sentinel/.

    target/tools/venv/bin/python -B content hb_content.packaging.generate [--root ROOT] FOLDER

Writes everything below FOLDER, by its path in the repository; `make infra` copies it from there, and a test compares.
The same sources give the same bytes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from hb_content.documents.files import ROOT
from hb_content.documents.sources import ContentError, parser_name
from hb_content.packaging import items, main_template, repositories, solution
from hb_content.packaging.arm import dump, plain
from hb_content.packaging.sources import Sources, read

PACKAGE = "sentinel/package"


def ids(sources: Sources) -> dict[str, str]:
    """sentinel/solution/ids.json: by what people's workspaces know each piece of content. One that is in there never
    changes, and none that was published disappears. Raises `ValueError` for an id that did."""
    found = {"solution": sources.solution_id}
    found |= {f"analytic-rules/{name}": str(file["id"]) for name, file in sources.rules.items()}
    found |= {f"hunting-queries/{name}": str(file["id"]) for name, file in sources.hunts.items()}
    found |= {f"parsers/{name}": parser_name(file) for name, file in sources.parsers.items()}
    found |= {f"workbooks/{name}": name for name in sources.workbooks}
    found |= {f"connector/{page['name']}": page["name"] for page in (sources.page, sources.push_page)}
    for name, known in sources.ids.items():
        if found.get(name, known) != known:
            raise ValueError(f"{name} was {known} and is {found[name]}: an id never changes")
    return dict(sorted((sources.ids | found).items()))


def build(sources: Sources) -> dict[str, str]:
    """Every file by its path in the repository."""
    template = main_template.build(sources, solution.description(sources))
    deployed = repositories.build(sources)
    found: dict[str, str] = {path: dump(value) for path, value in deployed.items()}
    found["sentinel-deployment.config"] = plain(repositories.config(deployed))
    found[f"{PACKAGE}/mainTemplate.json"] = dump(template)
    others: dict[str, Any] = {
        "createUiDefinition.json": solution.ui(sources),
        "testParameters.json": solution.test_parameters(template),
        "SolutionMetadata.json": solution.metadata(sources),
        "WorkbooksMetadata.json": solution.workbooks_metadata(sources),
        "CustomTables/AISecurityEvents_CL.json": solution.custom_table(sources),
    }
    found |= {f"{PACKAGE}/{name}": plain(value) for name, value in others.items()}
    found["sentinel/connector/ccf-push/DCR.json"] = dump(items.rule_of_push(sources))
    found["sentinel/connector/ccf-push/table.json"] = dump(items.table(sources))
    found["sentinel/solution/ids.json"] = plain(ids(sources))
    return found


def main() -> int:
    """The command."""
    arguments = argparse.ArgumentParser(
        description="Makes the Content Hub package and the files of Sentinel Repositories."
    )
    arguments.add_argument("--root", type=Path, default=ROOT)
    arguments.add_argument("folder", type=Path)
    given = arguments.parse_args()
    try:
        files = build(read(given.root))
    except (ContentError, KeyError, OSError, ValueError) as problem:
        print(f"generate.py: {type(problem).__name__}: {problem}", file=sys.stderr)
        return 1
    for path, text in files.items():
        target = given.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
