"""The parsers as functions that the engine knows, and KQL translated into SQL with them.

What the engine does differently from Azure is listed in EXCEPTIONS, and nowhere hidden.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property

from hb_content.documents.sources import TABLE, ContentError, Sources, parameters, parser_name, parser_query
from hb_content.kql.translations import Translations

#: The column of the harness that stands for `ingestion_time()`.
INGESTED = "_IngestionTime"
#: The table of the watchlist, and one that does not exist.
WATCHLIST, NO_WATCHLIST = "_Watchlist", "_NoSuchWatchlist"
WATCHLIST_COLUMNS = ("ProjectId", "ProjectName", "Owner", "Criticality", "Archived")
#: What Sentinel adds to the columns of a watchlist.
WATCHLIST_OWN = ("SearchKey", "_DTItemId", "LastUpdatedTimeUTC")

#: What the engine cannot do as Azure does it, and what is done instead.
EXCEPTIONS = {
    "ingestion_time()": f"is read from the harness column {INGESTED}; it must stand exactly once over all content, as `extend Name = ingestion_time()`",
    "_GetWatchlist()": "is a table with the scenario's rows; without a watchlist it is a table that does not exist",
    "datetime": "has microseconds; Azure has 100 ns, so the seventh digit of a time is cut",
    "many runs of a rule": "are one SQL statement with a lateral join; the first run with rows is made again alone and must agree",
}

_INGESTION_TIME = re.compile(r"\bextend\s+(\w+)\s*=\s*ingestion_time\(\)")

Schema = dict[str, list[str]]


class Functions:
    """The parsers of a content, and the texts that call them."""

    def __init__(self, content: Sources, translations: Translations | None = None) -> None:
        self._content = content
        self._translations = translations or Translations()
        self._sql: dict[tuple[str, bool, tuple[str, ...]], str] = {}

    @cached_property
    def _definitions(self) -> list[list[str]]:
        """The definitions without and with a watchlist."""
        return [
            [*definitions(self._content), watchlist_function(table)] for table in (NO_WATCHLIST, WATCHLIST)
        ]

    def tables(self, with_watchlist: bool, others: Mapping[str, list[str]]) -> Schema:
        """The columns of the tables that content reads."""
        tables = {TABLE: [name for name, _ in self._content.kinds] + [INGESTED], **others}
        if with_watchlist:
            tables[WATCHLIST] = [*WATCHLIST_OWN, *WATCHLIST_COLUMNS]
        return tables

    def sql(self, kql: str, with_watchlist: bool, others: Mapping[str, list[str]]) -> str:
        """The SQL of a text, with the clock as a placeholder, so that one translation serves every time exactly."""
        key = kql, with_watchlist, tuple(others)
        if key not in self._sql:
            schema = self.tables(with_watchlist, others)
            self._sql[key] = self._translations.sql(kql, schema, self._definitions[with_watchlist])
        return self._sql[key]


def check(content: Sources) -> None:
    """Fails with ContentError where ingestion_time() stands anywhere but once in HumanboundEvents."""
    texts = {name: parser_query(parser) for name, parser in content.parsers.items()}
    texts |= {name: item["query"] for name, item in (content.rules | content.hunts).items()}
    bare = {name: re.sub(r"(?m)^\s*//.*$", "", text) for name, text in texts.items()}
    found = [name for name, text in bare.items() for _ in range(text.count("ingestion_time()"))]
    if found != ["HumanboundEvents"]:
        raise ContentError(
            f"ingestion_time() must stand once, in the parser HumanboundEvents; found in {found or 'nothing'}"
        )


def definitions(content: Sources) -> list[str]:
    """The parsers as definitions of stored functions."""
    return [
        f"function {parser_name(parser)}({parameters(parser)}) {{\n{executable(parser_query(parser))}\n}}"
        for parser in content.parsers.values()
    ]


def watchlist_function(table: str) -> str:
    """Sentinel's function as one that gives a table."""
    return f"function _GetWatchlist(alias:string) {{ {table} }}"


def executable(query: str) -> str:
    """The KQL of a parser with the harness column in place of `ingestion_time()`."""
    return _INGESTION_TIME.sub(rf"project-rename \1 = {INGESTED}", query)
