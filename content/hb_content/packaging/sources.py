"""What packages are made from: the files of sentinel/, as documents/ has read them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from hb_content.documents import sources
from hb_content.documents.files import Content
from hb_content.documents.sources import File, Watchlist, value, watchlists

STREAM = "Custom-AISecurityEvents"


@dataclass(frozen=True)
class Sources(sources.Sources):
    """The sources of all content, and what only a package needs."""

    solution: File
    watchlists: dict[str, Watchlist]
    page: File
    push_page: File
    push: File
    logo: str
    #: Pictures of workbooks, by their names.
    previews: list[str]
    #: What has an id that people's workspaces know it by: name and id. See `ids` in generate.py.
    ids: dict[str, str]

    @property
    def solution_id(self) -> str:
        """The id of the package, which must never change."""
        return f"{self.solution['publisherId']}.{self.solution['offerId']}"


def read(root: Path) -> Sources:
    """The sources of a repository; fails with ContentError."""
    content = Content.read(root)
    known = "sentinel/solution/ids.json"
    return Sources(
        **vars(sources.read(content)),
        solution=value(content, "sentinel/solution/solution.yaml"),
        watchlists=watchlists(content),
        page=value(content, "sentinel/connector/DataConnectorDefinition.json"),
        push_page=value(content, "sentinel/connector/ccf-push/connectorDefinition.json"),
        push=value(content, "sentinel/connector/ccf-push/dataConnector.json"),
        logo=content.files["sentinel/solution/logo.svg"],
        previews=sorted(
            Path(path).name
            for path in content.files
            if re.fullmatch(r"sentinel/workbooks/images/[^/]*(White|Black)\.png", path)
        ),
        ids=value(content, known) if known in content.files else {},
    )
