#!/usr/bin/env bash
# In which order array_sort_asc and array_sort_desc put numbers.
#
# Versions: PyPI duckdb-kql 1.1.2 with duckdb 2.0.1 (an engine for KQL).
# Guess: by value, as https://learn.microsoft.com/kusto/query/array-sort-asc-function says.
# Seen: by their text: 10 before 2, and -1 before -2 of which the text is longer but not greater. Texts and times in ISO 8601
# are in order, since their text is. `sort by` over numbers is right.
# So numbers that are sorted in an array belong in a text of fixed width first, or in rows.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check duckdb-kql==1.1.2 duckdb==2.0.1
cat >sort.py <<'PY'
import duckdb_kql
connection = duckdb_kql.connect()
for query in (
    "print x = tostring(array_sort_asc(dynamic([2, 10, 1])))",
    "print x = tostring(array_sort_desc(dynamic([2, 10, 1])))",
    "print x = tostring(array_sort_asc(dynamic([-2, -1])))",
    'print x = tostring(array_sort_asc(dynamic(["02", "10", "01"])))',
    "datatable(n:long)[2, 10, 1] | sort by n asc | summarize x = tostring(make_list(n))",
):
    print(duckdb_kql.query(connection, query).fetchall()[0][0].replace(" ", ""))
PY
venv/bin/python sort.py | tee seen.txt
diff - seen.txt <<'SEEN'
[1,10,2]
[2,10,1]
[-1,-2]
["01","02","10"]
[1,2,10]
SEEN
echo "as seen before"
