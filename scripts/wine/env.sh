# Shared by setup.sh and run.sh: where the Wine tree is and how to get into it. Sourced, never run.
#
# The tree is a chroot whose mounts live in a mount namespace of their own, held by one process (the Wine server).
# On the host nothing is ever mounted below the tree, so deleting the tree can't delete what is bound into it.

PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
WINE_TREE=${LABSWARM_WINE:-$PROJECT/.build/wine}
READY=$WINE_TREE/.labswarm-ready   # written last by setup.sh
HOLDER=$WINE_TREE/.labswarm-holder # process id of the Wine server that holds the mounts
LOCK=$WINE_TREE.lock

# What every Windows program gets: no debug chatter, a prefix, a runtime folder (else Wine complains on stderr).
WINE_ENV=(
  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" "HOME=/root" "LANG=C.UTF-8" "LC_ALL=C.UTF-8"
  "WINEPREFIX=/labswarm/prefix" "WINEDEBUG=-all" "XDG_RUNTIME_DIR=/labswarm/run"
  "WINEDLLOVERRIDES=mscoree=;mshtml=;winemenubuilder.exe="
)

fail() {
  echo "wine: $*" >&2
  exit 1
}

# Mounts what every program needs into the tree; call it only inside a private mount namespace.
mount_system() {
  mount --rbind /dev "$WINE_TREE/dev"
  mount --rbind /proc "$WINE_TREE/proc"
  # DNS and host names as on the host: copies, for the files may be links there.
  cat /etc/resolv.conf >"$WINE_TREE/etc/resolv.conf" 2>/dev/null || true
  cat /etc/hosts >"$WINE_TREE/etc/hosts" 2>/dev/null || true
}
