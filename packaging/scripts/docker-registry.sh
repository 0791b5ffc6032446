#!/usr/bin/env bash
# Puts Debian's docker-registry into .tools/registry. It is unpacked, not installed: the package would
# start a registry that everybody on the network may write to.
set -euo pipefail
cd "$(dirname "$0")/../.."

for folder in .tools/registry .tools/containers; do
  if "$folder/usr/bin/docker-registry" --version >/dev/null 2>&1; then exit 0; fi
done
if ! command -v apt-get >/dev/null; then
  echo "error: there is no docker-registry here; install what Debian calls \`docker-registry\` and link it to $PWD/.tools/registry/usr/bin" >&2
  exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
download() {
  # As root, apt would give the download to a user who may not write here.
  (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download docker-registry)
}
echo "unpacking Debian's docker-registry" >&2
if ! download 2>/dev/null; then
  if [ "$(id -u)" -eq 0 ]; then apt-get -qq update >&2; else sudo -n apt-get -qq update >&2; fi
  download
fi
mkdir -p .tools
rm -rf .tools/registry
dpkg-deb --extract "$work"/docker-registry_*.deb "$work/registry"
mv "$work/registry" .tools/registry
.tools/registry/usr/bin/docker-registry --version >/dev/null
