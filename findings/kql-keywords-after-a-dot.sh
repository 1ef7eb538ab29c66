#!/usr/bin/env bash
# Which words of KQL may follow a dot: `d.count` on a dynamic value.
#
# Versions: npm @kusto/language-service-next 12.4.1 (Microsoft's own parser), PyPI duckdb-kql 1.1.2 (an engine for KQL).
# Guess: a word of the language is either allowed as a name after a dot, or it is not.
# Seen: Microsoft's parser takes count, limit, top, kind and render after a dot and rejects by, title and project. The
# engine takes render, and rejects the other seven, also those that Microsoft's takes. Both take `d["count"]`.
# So what was checked with the one need not run on the other: write brackets for any name that is a word of KQL.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts @kusto/language-service-next@12.4.1 >/dev/null
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check 'duckdb-kql[duckdb]==1.1.2'

cat >parser.cjs <<'JS'
const fs = require("fs"), vm = require("vm");
for (const name of ["bridge.min.js", "Kusto.Language.Bridge.min.js"])
  vm.runInThisContext(fs.readFileSync(`node_modules/@kusto/language-service-next/${name}`, "utf8"));
const takes = (query) =>
  Kusto.Language.KustoCode.ParseAndAnalyze(query, Kusto.Language.GlobalState.Default).GetDiagnostics().Count === 0;
for (const word of process.argv.slice(2))
  for (const access of [`d.${word}`, `d["${word}"]`])
    console.log(`parser ${access} ${takes(`print d = dynamic({"${word}": 3}) | project n = tolong(${access})`)}`);
JS
cat >engine.py <<'PY'
import sys
import duckdb_kql
connection = duckdb_kql.connect()
for word in sys.argv[1:]:
    for access in (f"d.{word}", f'd["{word}"]'):
        query = f'print d = dynamic({{"{word}": 3}}) | project n = tolong({access})'
        try:
            taken = duckdb_kql.query(connection, query).fetchall() == [(3,)]
        except duckdb_kql.KqlError:
            taken = False
        print(f"engine {access} {str(taken).lower()}")
PY
words=(count limit top kind render by title project)
{
  node parser.cjs "${words[@]}"
  venv/bin/python engine.py "${words[@]}"
} | tee seen.txt

expected() {
  for word in count limit top kind render; do echo "parser d.$word true"; done
  for word in by title project; do echo "parser d.$word false"; done
  for word in "${words[@]}"; do echo "parser d[\"$word\"] true"; done
  for word in count limit top kind by title project; do echo "engine d.$word false"; done
  echo "engine d.render true"
  for word in "${words[@]}"; do echo "engine d[\"$word\"] true"; done
}
diff <(expected | sort) <(sort seen.txt)
echo "as seen before"
