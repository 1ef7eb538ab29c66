"""Checks the Content Hub package and the files of Sentinel Repositories.

    target/tools/venv/bin/python -B content hb_content.packaging.verify [--rules]

Prints `[rule] what is wrong`, a line each, and exits with 1 when there is one. `--rules` lists the checks.
"""

from __future__ import annotations

import sys

from hb_content.documents.files import ROOT
from hb_content.packaging import verify_package, verify_repositories
from hb_content.packaging.given import Finding, Given

MODULES = (verify_package, verify_repositories)
RULES: dict[str, str] = {rule: reason for module in MODULES for rule, reason in module.RULES.items()}


def verify(given: Given) -> list[Finding]:
    """Every finding, sorted."""
    found = {finding for module in MODULES for check in module.CHECKS for finding in check(given)}
    unknown = {rule for rule, _ in found} - RULES.keys()
    assert not unknown, unknown
    return sorted(found)


def main() -> int:
    """The command."""
    if sys.argv[1:] == ["--rules"]:
        print("\n".join(f"{rule}: {reason}" for rule, reason in RULES.items()))
        return 0
    found = verify(Given.read(ROOT))
    for rule, message in found:
        print(f"[{rule}] {message}")
    print(f"{len(found)} findings by {len(RULES)} checks", file=sys.stderr)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
