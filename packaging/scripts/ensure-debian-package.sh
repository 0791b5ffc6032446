#!/usr/bin/env bash
# Installs a Debian package unless the check given after it succeeds already.
#   ensure-debian-package.sh PACKAGE CHECK…
set -euo pipefail

package=$1
shift
if "$@" >/dev/null 2>&1; then exit 0; fi

if ! command -v apt-get >/dev/null; then
  # A runner of macOS is thrown away afterwards; on somebody's own Mac nothing is installed unasked.
  if [ -n "${CI:-}" ] && command -v brew >/dev/null; then
    brew install --quiet "$package" >&2
    exec "$@" >/dev/null
  fi
  echo "error: \`$*\` does not work here; install what Debian calls \`$package\`" >&2
  exit 1
fi
apt=(apt-get)
if [ "$(id -u)" -ne 0 ]; then
  # Never wait for a password: say what to type instead.
  if ! sudo -n true 2>/dev/null; then
    echo "error: \`$package\` is missing; run \`sudo apt-get install $package\`" >&2
    exit 1
  fi
  apt=(sudo -n apt-get)
fi
echo "installing Debian's $package" >&2
export DEBIAN_FRONTEND=noninteractive
"${apt[@]}" -qq update >&2
"${apt[@]}" -qq install -y --no-install-recommends "$package" >&2
"$@" >/dev/null
