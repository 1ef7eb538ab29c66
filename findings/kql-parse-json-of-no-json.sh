#!/usr/bin/env bash
# What parse_json makes of a text that is no JSON.
#
# Versions: PyPI duckdb-kql 1.1.2 with duckdb 2.0.1 (an engine for KQL).
# Guess: the text itself, as a dynamic value, as https://learn.microsoft.com/kusto/query/parse-json-function says.
# Seen: null, whose text is empty. A column that holds JSON in some rows and plain words in others loses the words there, while
# a query that tells the two apart by isnull() works there only.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check duckdb-kql==1.1.2 duckdb==2.0.1
cat >parse.py <<'PY'
import duckdb_kql
connection = duckdb_kql.connect()
for text in ('{\\"a\\": 1}', "12", "plain words", ""):
    query = f'print d = parse_json("{text}") | project t = tostring(d), k = gettype(d), n = isnull(d)'
    print(*duckdb_kql.query(connection, query).fetchall()[0], sep="|")
PY
venv/bin/python parse.py | tee seen.txt
diff - seen.txt <<'SEEN'
{"a":1}|dictionary|False
12|long|False
|null|True
|null|True
SEEN
echo "as seen before"
