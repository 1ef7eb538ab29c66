"""Runs the queries of alerts over rows, each as Azure would: what is older than the alert's window is not there.

Reads from standard input a list of {query, window, tables: {name: [row]}}, where a row tells its age in `minutes_ago`;
writes how many rows each query gives. An alert fires when there are any.
"""

from __future__ import annotations

import datetime as dt
import json
import pathlib
import sys
from typing import Any

import duckdb
import duckdb_kql

NOW = dt.datetime(2026, 11, 28, 12, 0)
# The types of DuckDB for those of Kusto.
TYPES = {
    "string": "VARCHAR",
    "int": "INTEGER",
    "real": "DOUBLE",
    "bool": "BOOLEAN",
    "datetime": "TIMESTAMP",
    "dynamic": "JSON",
}
KNOWN = json.loads(
    (pathlib.Path(__file__).parents[2] / "content/hb_content/documents/data/azure_tables.json").read_text(
        encoding="utf-8"
    )
)
TABLES = {
    "AISecurityEvents_CL": {"EventFamily": "VARCHAR"},
    **{
        name: {column: TYPES[kind] for column, kind in table["columns"].items() if column != "TimeGenerated"}
        for name, table in KNOWN.items()
    },
}

# Azure's own functions over tables, which the engine does not know: each gives the rows of its table.
FUNCTIONS = {f"{table['function']}()": name for name, table in KNOWN.items() if "function" in table}


def stored(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict) else value


def rows_of(case: dict[str, Any], connection: duckdb.DuckDBPyConnection, translated: dict[str, str]) -> int:
    """How many rows the query of a case gives."""
    for name, columns in TABLES.items():
        connection.execute(f'DELETE FROM "{name}"')
        for row in case["tables"].get(name, []):
            row = dict(row)
            ago = row.pop("minutes_ago")
            unknown = set(row) - set(columns)
            assert not unknown, f"{name} has no column {unknown}"
            if ago <= case["window"]:
                values = [NOW - dt.timedelta(minutes=ago), *(stored(row.get(column)) for column in columns)]
                connection.execute(f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(values))})', values)
    if case["query"] not in translated:
        schema = {name: ["TimeGenerated", *columns] for name, columns in TABLES.items()}
        query = case["query"]
        for function, table in FUNCTIONS.items():
            query = query.replace(function, table)
        sql = str(duckdb_kql.to_sql(query, schema=schema, query_now=NOW))
        translated[case["query"]] = sql.replace("$kqlnow", f"TIMESTAMP '{NOW}'")
    return len(connection.execute(translated[case["query"]]).fetchall())


def main() -> None:
    connection = duckdb_kql.connect()
    translated: dict[str, str] = {}
    for name, columns in TABLES.items():
        listed = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
        connection.execute(f'CREATE TABLE "{name}" ("TimeGenerated" TIMESTAMP, {listed})')
    print(json.dumps([rows_of(case, connection, translated) for case in json.load(sys.stdin)]))


if __name__ == "__main__":
    main()
