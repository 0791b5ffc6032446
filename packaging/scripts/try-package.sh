#!/usr/bin/env bash
# Installs a .deb or .rpm with the system's own tool, uses it and removes it, in a copy of this system
# that is thrown away: an overlay over /, in a mount namespace of its own. Needs root, or sudo.
#
#   try-package.sh PACKAGE VERSION
set -euo pipefail

package=$(realpath "$1")
version=$2

if [ "$(id -u)" -ne 0 ]; then
  exec sudo "$0" "$package" "$version"
fi

if [ "${3:-}" != inside ]; then
  exec unshare --mount "$0" "$package" "$version" inside
fi

# From here on mounts are seen by nobody else, and go with this process.
layers=$(mktemp -d)
trap 'umount -R "$layers" && rmdir "$layers"' EXIT
mount -t tmpfs tmpfs "$layers"
mkdir "$layers/upper" "$layers/work" "$layers/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$layers/upper,workdir=$layers/work" "$layers/root"
mount -t proc proc "$layers/root/proc"
mount --bind /dev "$layers/root/dev"
cp "$package" "$layers/root/opt/"
file=/opt/$(basename "$package")

in_copy() { chroot "$layers/root" "$@"; }
fail() {
  echo "error: $*" >&2
  exit 1
}

case $package in
*.deb)
  install() { in_copy dpkg --install "$file"; }
  remove() { in_copy dpkg --purge mcp-mesh; }
  ;;
*.rpm)
  # The dependencies are this system's, of which its database of RPM packages knows nothing.
  install() { in_copy rpm --install --nodeps "$file"; }
  remove() { in_copy rpm --erase mcp-mesh; }
  ;;
*) fail "$package is neither a .deb nor an .rpm" ;;
esac

install >&2
for command in meshctl mcp-mesh-registry; do
  said=$(in_copy "/usr/bin/$command" --version | head -n 1)
  case $said in
  *" $version") ;;
  *) fail "/usr/bin/$command says '$said', expected version $version" ;;
  esac
done
unit=$layers/root/usr/lib/systemd/system/mcp-mesh-registry.service
[ -f "$unit" ] || fail "the package brings no mcp-mesh-registry.service"
verified="unit not verified (no systemd-analyze)"
if command -v systemd-analyze >/dev/null; then
  in_copy systemd-analyze verify --man=no mcp-mesh-registry.service >&2 || fail "systemd does not accept the unit"
  verified="unit accepted by systemd-analyze"
fi
remove >&2
for path in usr/bin/meshctl usr/bin/mcp-mesh-registry "${unit#"$layers/root/"}"; do
  [ ! -e "$layers/root/$path" ] || fail "removing the package leaves /$path"
done
echo "installed; both commands work; $verified; removed"
