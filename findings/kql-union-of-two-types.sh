#!/usr/bin/env bash
# What a union makes of a column that is a string in one table and a long in the other.
#
# Versions: npm @kusto/language-service-next 12.4.1 (Microsoft's own parser), PyPI duckdb-kql 1.1.2 with duckdb 2.0.1.
# Guess: who follows https://learn.microsoft.com/kusto/query/union-operator gives two columns, k_string and k_long; who does
# not says so.
# Seen: Microsoft's parser has the two columns, and k is not there any more. The engine keeps one column k, of texts, without
# a word, so that a query over k runs there and fails on Azure, and one over k_long runs on Azure and fails there.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts @kusto/language-service-next@12.4.1 >/dev/null
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check duckdb-kql==1.1.2 duckdb==2.0.1
cat >parser.cjs <<'JS'
const fs = require("fs"), vm = require("vm");
for (const name of ["bridge.min.js", "Kusto.Language.Bridge.min.js"])
  vm.runInThisContext(fs.readFileSync(`node_modules/@kusto/language-service-next/${name}`, "utf8"));
const code = Kusto.Language.KustoCode.ParseAndAnalyze(process.argv[2], Kusto.Language.GlobalState.Default);
const columns = code.ResultType.Columns;
const names = [];
for (let at = 0; at < columns.Count; at++) names.push(`${columns.getItem(at).Name}:${columns.getItem(at).Type.Name}`);
console.log(`parser ${names.join(" ")}, ${code.GetDiagnostics().Count} complaints`);
JS
cat >engine.py <<'PY'
import sys
import duckdb_kql
found = duckdb_kql.query(duckdb_kql.connect(), sys.argv[1])
print("engine", *(column[0] for column in found.description), sorted(found.fetchall()))
PY
query='print k = "a" | union (print k = 1)'
{
  node parser.cjs "$query"
  venv/bin/python engine.py "$query"
} | tee seen.txt
diff - seen.txt <<'SEEN'
parser k_string:string k_long:long, 0 complaints
engine k [('1',), ('a',)]
SEEN
echo "as seen before"
