#!/usr/bin/env bash
# The demo's sensors and the collector that reads them. The end of one is the end of both, and Compose starts anew.
set -euo pipefail
barograph demo sensors & sensors=$!
barograph collect & collector=$!

stop() {
  trap - TERM INT
  # First who must still send what it has read.
  kill -TERM "$collector" 2>/dev/null || true
  wait "$collector" || true
  kill -TERM "$sensors" 2>/dev/null || true
  wait "$sensors" || true
}
trap 'stop; exit 0' TERM INT

ended=0
wait -n || ended=$?
stop
echo "Sensors or collector ended with $ended." >&2
exit 1
