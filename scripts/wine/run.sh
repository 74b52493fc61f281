#!/usr/bin/env bash
# Runs a Windows executable under Wine:  scripts/wine/run.sh EXE ARGS...
#
# The current folder, the project and the temp folder have the same paths inside as outside (drive Z:). Programs share
# the host's network and one Wine server, so several may run at once. Each is this very process: signals reach it, its
# exit code comes back. `--stop` ends the Wine server with everything that runs under it; `--check` tells (exit code)
# whether the tree has been made.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

# First start in the private namespace: mounts, then become the Wine server that holds them.
if [[ ${1:-} == --hold ]]; then
  mount_system
  mkdir -p "$WINE_TREE/tmp" && mount --rbind /tmp "$WINE_TREE/tmp"
  # At once in the background: programs started meanwhile find the holder by its process id.
  exec chroot "$WINE_TREE" env -i "${WINE_ENV[@]}" wineserver -f -p
fi

# Process id of the running holder, or nothing. The start time in the file tells it from a process that took its id.
holder() {
  local pid start
  [[ -r $HOLDER ]] && read -r pid start <"$HOLDER" || return 0
  [[ -r /proc/$pid/stat && $(started "$pid") == "$start" ]] && echo "$pid" || true
}

# When a process started, in ticks since boot; its name may hold anything, so count from the last parenthesis.
started() {
  local stat fields
  IFS= read -rd '' stat <"/proc/$1/stat" || true
  read -ra fields <<<"${stat##*) }"
  echo "${fields[19]}"
}

# True once the holder has become the Wine server and answers.
serving() {
  [[ $(readlink "/proc/$1/exe" 2>/dev/null) == */wineserver* ]] && nsenter -t "$1" -m test -e "$WINE_TREE/labswarm/prefix"
}

start_holder() {
  LABSWARM_WINE=$WINE_TREE setsid unshare --mount --propagation slave "${BASH_SOURCE[0]}" --hold \
    </dev/null >/dev/null 2>&1 9>&- &
  local pid=$! tries=0
  until serving "$pid"; do
    ((++tries < 100)) || fail "the Wine server doesn't start; run scripts/wine/setup.sh"
    sleep 0.1
  done
  # Wine's own services start with the first program and keep its output open: let that be this one, else whoever
  # reads the first real program's output waits for ever.
  (inside "$pid" / wine cmd /c exit) </dev/null >/dev/null 2>&1 9>&- || fail "Wine doesn't start programs"
  echo "$pid $(started "$pid")" >"$HOLDER"
}

# Becomes a command inside the tree, in a folder: no process stays in between, so signals reach it.
inside() {
  local pid=$1 folder=$2
  shift 2
  exec nsenter -t "$pid" -m chroot "$WINE_TREE" env "${WINE_ENV[@]}" env -C "$folder" "$@"
}

# Makes a host folder visible inside, unless it already is: seldom, and to look needs no other program.
show() {
  local pid=$1 folder=$2
  [[ /proc/$pid/root$folder -ef $folder ]] ||
    nsenter -t "$pid" -m bash -c 'mkdir -p "$1" && mount --bind "$2" "$1"' show "$WINE_TREE$folder" "$folder"
}

[[ $# -gt 0 ]] || fail "usage: run.sh EXE ARGS..."
if [[ $1 == --check ]]; then [[ -e $READY ]]; exit; fi
[[ -e $READY ]] || fail "no Wine in $WINE_TREE; run scripts/wine/setup.sh"

exec 9>"$LOCK"
flock 9
pid=$(holder)
if [[ $1 == --stop ]]; then
  [[ -z $pid ]] || nsenter -t "$pid" -m chroot "$WINE_TREE" env -i "${WINE_ENV[@]}" wineserver -k || true
  rm -f "$HOLDER"
  exit 0
fi
if [[ -z $pid ]]; then
  start_holder
  pid=$(holder)
fi
here=$(pwd -P)
exe=$(realpath "$1")
shift
for folder in "$PROJECT" "$here" "$(dirname "$exe")"; do show "$pid" "$folder"; done
exec 9>&- # also lets go of the lock

inside "$pid" "$here" wine "$exe" "$@"
