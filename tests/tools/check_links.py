"""Checks the links of the documents without a network: files exist, and headings that a link names are there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

#: A link or picture with its target, outside of code.
LINK = re.compile(r"\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
CODE = re.compile(r"^(```+).*?^\1|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """The anchors that GitHub makes of headings."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#{1,6} +(.+?) *$", re.sub(r"(?ms)^```.*?^```", "", text), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found[name] = found.get(name, -1) + 1
    return {f"{name}-{at}" if at else name for name, last in found.items() for at in range(last + 1)}


def broken(path: Path) -> list[str]:
    """The links of a document that lead nowhere."""
    faults = []
    for target in LINK.findall(CODE.sub("", path.read_text(encoding="utf-8"))):
        file, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        place = (path.parent / file).resolve() if file else path.resolve()
        if not place.exists():
            faults.append(f"{path}: {target}: there is no such file")
        elif anchor and place.suffix == ".md" and anchor not in anchors(place.read_text(encoding="utf-8")):
            faults.append(f"{path}: {target}: there is no such heading")
    return faults


def main() -> int:
    listed = subprocess.run(["git", "ls-files", "*.md"], capture_output=True, text=True, check=True).stdout
    documents = [Path(name) for name in listed.splitlines()]
    assert len(documents) > 8, f"only {documents} were found"
    faults = [fault for document in documents for fault in broken(document)]
    print("\n".join(faults), file=sys.stderr, end="\n" if faults else "")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
