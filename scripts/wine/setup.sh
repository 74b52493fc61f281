#!/usr/bin/env bash
# Makes a Debian trixie tree with Wine 10, so that the Windows executables can be tested on Linux.
# Does nothing when the tree is already there. Where: LABSWARM_WINE, else .build/wine in the project.
# Needs root, debootstrap, and the Debian mirror that this machine's apt already uses.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

SUITE=trixie # Debian 12's Wine 8 is too old for Deno's executables

# The mirror, taken from apt's own sources: the first one whose address ends in /debian.
mirror() {
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -E '/debian/?$' | head -n 1
}

# Second stage, in a private mount namespace: whatever it mounts or starts is gone when it ends.
install_wine() {
  mount_system
  local inside=(chroot "$WINE_TREE" env -i "${WINE_ENV[@]}" DEBIAN_FRONTEND=noninteractive)
  "${inside[@]}" apt-get update -q
  "${inside[@]}" apt-get install -q -y --no-install-recommends wine64 wine
  "${inside[@]}" apt-get clean
  mkdir -p "$WINE_TREE/labswarm/run" && chmod 700 "$WINE_TREE/labswarm/run"
  "${inside[@]}" wineboot -i
  "${inside[@]}" wine winecfg -v win10
  "${inside[@]}" wineserver -w
  "${inside[@]}" wine --version
}

if [[ ${1:-} == --inside ]]; then
  install_wine
  exit 0
fi

mkdir -p "$(dirname "$WINE_TREE")"
exec 9>"$LOCK"
flock 9
if [[ -e $READY ]]; then
  echo "wine: ready in $WINE_TREE"
  exit 0
fi
[[ $(id -u) == 0 ]] || fail "root is needed to make the tree"
command -v debootstrap >/dev/null || fail "debootstrap is missing; apt-get install debootstrap"
source_of_packages=$(mirror) || fail "no Debian mirror found in apt's sources"
rm -rf --one-file-system "$WINE_TREE"
debootstrap --variant=minbase "$SUITE" "$WINE_TREE" "$source_of_packages" 9>&-
LABSWARM_WINE=$WINE_TREE unshare --mount --propagation slave "${BASH_SOURCE[0]}" --inside 9>&-
touch "$READY"
echo "wine: made in $WINE_TREE"
