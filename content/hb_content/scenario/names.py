"""The names by which a scenario calls projects, findings, campaigns and people, and the ids that they stand for."""

from __future__ import annotations

import re
import uuid
from typing import Any

NAMESPACE = uuid.UUID("5b7a5a2c-6a2b-4f0e-8f3d-7d1b6f0c9e11")

_NAME = re.compile(r"\$\{([^}]+)\}")
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Names:
    """The names of one scenario, by their ids, as far as their ids were asked for."""

    def __init__(self) -> None:
        self._by_id: dict[str, str] = {}

    def identity(self, name: Any) -> str:
        """The id of a project, finding, campaign or member that the scenario calls `name`."""
        found = str(uuid.uuid5(NAMESPACE, str(name)))
        self._by_id[found] = str(name)
        return found

    def filled(self, value: Any) -> Any:
        """`value` with every ${name} in its texts replaced by the id of that name."""
        if isinstance(value, str):
            return _NAME.sub(lambda match: self.identity(match[1]), value)
        if isinstance(value, list):
            return [self.filled(item) for item in value]
        if isinstance(value, dict):
            return {key: self.filled(item) for key, item in value.items()}
        return value

    def shown(self, text: str) -> str:
        """`text` with ids written as the scenario writes them."""
        return _ID.sub(
            lambda match: f"${{{self._by_id[match[0]]}}}" if match[0] in self._by_id else match[0], text
        )
