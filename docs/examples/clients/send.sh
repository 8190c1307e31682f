#!/usr/bin/env bash
# Send results and an entry with curl: GATEWAY=http://127.0.0.1:8080 bash send.sh
# A token, if the gateway asks for one, is read from MEDALLERO_TOKEN.
set -euo pipefail

gateway="${GATEWAY:-http://127.0.0.1:8080}"

# post PATH CONTENT_TYPE [curl's options]: sends standard input. --retry repeats after a broken
# connection, 408, 429 and 503, and waits as long as Retry-After says; --fail-with-body makes every
# other refusal an error and shows what the gateway says of it.
post() {
    local path="$1" type="$2"
    shift 2
    curl --silent --show-error --fail-with-body --max-time 60 \
        --retry 10 --retry-connrefused --retry-all-errors --retry-max-time 120 \
        --header "Content-Type: $type" \
        ${MEDALLERO_TOKEN:+--header "Authorization: Bearer $MEDALLERO_TOKEN"} \
        --data-binary @- "$@" "$gateway$path"
    echo
}

# One result.
post /v1/results application/json <<'JSON'
{"sport": "swimming", "unit": "100 m breaststroke final", "phase": "final",
 "competitor": {"id": "8", "name": "Ana", "age": 20}, "faculty": "engineering", "mark": "1:05.28"}
JSON

# Many results, a line each. A file as large as you like: post … <results.ndjson
post /v1/results application/x-ndjson <<'NDJSON'
{"sport": "swimming", "unit": "100 m heat 1", "competitor": {"id": "11"}, "faculty": "engineering", "mark": "59.02"}
{"sport": "swimming", "unit": "100 m heat 1", "competitor": {"id": "12"}, "faculty": "agronomy", "mark": "59.31"}
NDJSON

# An entry of the course. The key makes the retries safe: without it each would be another entry.
post /v1/entries application/json --header "Idempotency-Key: ${KEY:-entry-$RANDOM$RANDOM}" <<'JSON'
{"student": "Alvaro García", "age": 20, "faculty": "Ingeniería", "discipline": 1}
JSON
