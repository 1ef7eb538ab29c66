"""The logs of a workspace: runs a query over the rows of the one table, whose columns are those that the template made."""

from __future__ import annotations

import json
from typing import Any

import duckdb_kql

# The types of DuckDB for those of a table, and those of an answer for what DuckDB gives.
TYPES = {
    "string": "VARCHAR",
    "guid": "VARCHAR",
    "int": "INTEGER",
    "long": "BIGINT",
    "real": "DOUBLE",
    "boolean": "BOOLEAN",
    "dateTime": "TIMESTAMP",
    "dynamic": "JSON",
}
KINDS = {
    "BIGINT": "long",
    "HUGEINT": "long",
    "INTEGER": "int",
    "DOUBLE": "real",
    "TIMESTAMP": "datetime",
    "BOOLEAN": "bool",
}


def select(
    query: str, name: str, columns: list[dict[str, str]], rows: list[dict[str, Any]]
) -> dict[str, Any]:
    """The answer in the format of the service: https://learn.microsoft.com/azure/azure-monitor/logs/api/response-format."""
    connection = duckdb_kql.connect()
    types = {column["name"]: TYPES[column["type"]] for column in columns}
    connection.execute(
        f'CREATE TABLE "{name}" ({", ".join(f"{column} {kind}" for column, kind in types.items())})'
    )
    for row in rows:
        unknown = set(row) - set(types)
        assert not unknown, f"{name} has no column {unknown}"
        values = [
            json.dumps(row[column]) if kind == "JSON" and row.get(column) is not None else row.get(column)
            for column, kind in types.items()
        ]
        connection.execute(f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(values))})', values)
    found = connection.execute(str(duckdb_kql.to_sql(query, schema={name: list(types)})))
    shown = [{"name": column[0], "type": KINDS.get(str(column[1]), "string")} for column in found.description]
    return {
        "tables": [
            {"name": "PrimaryResult", "columns": shown, "rows": [list(row) for row in found.fetchall()]}
        ]
    }
