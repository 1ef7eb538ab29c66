"""The first screen of a workbook: what is asked before anybody clicks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, cast

from hb_content.documents.workbook import LOGS, QUERY, walk
from hb_content.kql.cache import Memo
from hb_content.lint.first_visit import requests
from hb_content.preview.results import Results

Answer = tuple[list[tuple[str, str]], list[tuple[Any, ...]]]


class _Asked:
    """Stands where the preview keeps its tables: asks each text as it is."""

    def __init__(self, query: Callable[[str], Answer]) -> None:
        self.query = query


def ask(workbook: dict[str, Any], query: Callable[[str], Answer], now: dt.datetime) -> None:
    """Asks `query` each log request of the first screen; fails with RuntimeError where one does not run."""
    found = list(walk(workbook))
    names = requests(found)
    results = Results(workbook, cast(Memo, _Asked(query)), now)
    values = results.values()
    for item in found:
        if item.where in names and item.kind == QUERY and item.content.get("queryType", LOGS) == LOGS:
            results.run(item.path, item.content["query"], values)
    for result in results.results:
        if "error" in result:
            raise RuntimeError(f"a query of the first screen does not run: {result['error']}")
