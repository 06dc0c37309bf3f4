# Sourced by benchmarks: starts inferd on $MODEL with free ports, waits until it is ready, and stops it at the end.
# usage: . bench/daemon.sh [MODEL_KEYS [QUEUE_KEYS]]     more keys of the model and of the queue, in JSON
# Sets API and OBSERVE (base URLs) and DAEMON (its pid).
cat >"$WORK/inferd.yaml" <<YAML
api: {listen: ["127.0.0.1:0"]}
observability: {listen: "127.0.0.1:0"}
logs: {level: warn}
queue: {${2:-}}
models:
  - {name: bench, path: "$MODEL", threads: $THREADS, ${1:-}}
YAML
taskset -c "$DAEMON_CPUS" "$BIN/daemon/inferd" --config "$WORK/inferd.yaml" --ports-file "$WORK/ports.json" >"$WORK/inferd.log" 2>&1 &
DAEMON=$!
taskset -pc "$CLIENT_CPUS" $$ >/dev/null
trap 'kill -TERM $DAEMON 2>/dev/null; wait $DAEMON 2>/dev/null || true' EXIT

ready() { [[ -s $WORK/ports.json ]] && curl -fsS -o /dev/null "http://127.0.0.1:$(jq .observability "$WORK/ports.json")/readyz" 2>/dev/null; }
deadline=$((SECONDS + 300))
until ready; do
  kill -0 $DAEMON 2>/dev/null && ((SECONDS < deadline)) || { tail -n 20 "$WORK/inferd.log" >&2; exit 1; }
  sleep 0.2
done
API=http://127.0.0.1:$(jq .api "$WORK/ports.json")
OBSERVE=http://127.0.0.1:$(jq .observability "$WORK/ports.json")
