#!/usr/bin/env bash
# What Humanbound's client says of a replay whose answer names no number of events.
#
# Version: PyPI humanbound 2.13.0, Python 3.11.
# Guess: a 2xx answer that the client does not understand is an error, or at least not a statement about events.
# Seen: `hb webhooks sync` prints "No matching events found." and exits 0 for a 202 with `{"status":"accepted"}`, although
# the platform may have queued a thousand. With `{"events_queued": 7}` it prints that number.
# So an exit code of 0 and that sentence are no proof that a backfill had nothing to do.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check humanbound==2.13.0

cat >platform.py <<'PY'
import http.server, json, sys
answers = [{"status": "accepted"}, {"events_queued": 7}]
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.dumps(answers.pop(0)).encode()
        self.send_response(202)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, file=open("port.part", "w"))
import os
os.rename("port.part", "port")
server.serve_forever()
PY
venv/bin/python platform.py &
server=$!
for _ in $(seq 100); do
  [ -f port ] && break
  sleep 0.1
done

sync() {
  env -i PATH="$PATH" HOME="$folder" HB_TELEMETRY_DISABLED=1 CI=true NO_PROXY=127.0.0.1 PYTHONIOENCODING=utf-8 \
    HUMANBOUND_API_KEY=key HUMANBOUND_ORG_ID=6f1c1b52-8f0a-4a55-9a3e-1c9a7c1d2e3f \
    HUMANBOUND_BASE_URL="http://127.0.0.1:$(cat port)/api" \
    venv/bin/hb webhooks sync 0b7f2f9e-2f43-4a7b-8a3a-5d0d1c2b3a4f
}
first=$(sync)
second=$(sync)
printf '%s\n---\n%s\n' "$first" "$second"
grep -q 'No matching events found\.' <<<"$first"
grep -q '7' <<<"$second"
if grep -q 'No matching' <<<"$second"; then exit 1; fi
echo "as seen before"
