# Sourced by the scripts of this folder.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"
# A checkout that belongs to somebody else, as in containers, is still this one.
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=$ROOT

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() { warn "$(basename "$0"): $1"; exit "${2:-1}"; }

# Compile jobs: one per core, and no more than memory has room for (a source with Boost.Beast takes about 1.5 GB).
compile_jobs() {
  local cores available by_memory
  cores=$(nproc)
  available=$(awk '/^MemAvailable:/ {print int($2 / 1024)}' /proc/meminfo)
  by_memory=$((available / 1500))
  ((by_memory >= 1)) || by_memory=1
  ((cores < by_memory)) && echo "$cores" || echo "$by_memory"
}

# configure PRESET: fast when nothing changed. Output only when it fails.
configure() {
  local log
  log=$(mktemp)
  if ! cmake --preset "$1" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

# build PRESET [TARGET...]
build() {
  local preset=$1 target
  shift
  local arguments=(--build --preset "$preset" -j "$(compile_jobs)")
  for target in "$@"; do arguments+=(--target "$target"); done
  cmake "${arguments[@]}"
}

# A whole number from 0 (any free port) to 65535.
is_port() { [[ $1 =~ ^[0-9]{1,5}$ ]] && ((10#$1 <= 65535)); }

# Whether something accepts connections on a loopback port.
port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
