#!/usr/bin/env bash
# Sets up .tools/wine, in which `make rehearse` and `make test-wine` run the programs for Windows:
#   prefix/             an empty Windows, with what Wine 8 lacks; copied for each trial
#   run PROGRAM [ARG…]  runs a program there; Cargo's runner for x86_64-pc-windows-gnu
# Running it again costs nothing.
set -euo pipefail

checkout=$(cd "$(dirname "$0")/../.." && pwd)
ensure="$checkout/packaging/scripts/ensure-debian-package.sh"
folder="$checkout/.tools/wine"
wine=/usr/lib/wine/wine64
compiler=x86_64-w64-mingw32-gcc

"$ensure" wine64 "$wine" --version
# `wineboot` and `wineserver` are found beside it.
"$ensure" wine test -x /usr/lib/wine/wineserver64
"$ensure" gcc-mingw-w64-x86-64-win32 "$compiler" --version

stub="$checkout/packaging/wine/bcryptprimitives.c"
runner="$checkout/packaging/wine/run.sh"
mkdir -p "$folder"
if [ ! "$folder/run" -nt "$runner" ]; then
  install -m 755 "$runner" "$folder/run"
fi

stamp="$folder/prefix/.complete"
if [ ! "$stamp" -nt "$stub" ]; then
  rm -rf "$folder/prefix"
  echo "set up .tools/wine: an empty Windows" >&2
  export WINEPREFIX="$folder/prefix" WINEDEBUG=-all
  unset DISPLAY
  # Neither .NET nor a browser is installed, and no menu of the user's desktop changes.
  WINEDLLOVERRIDES="mscoree,mshtml=;winemenubuilder.exe=d" "$wine" wineboot --init >&2
  /usr/lib/wine/wineserver64 --wait
  "$compiler" -shared -O2 -Wall -Wextra -Werror -o "$folder/prefix/drive_c/windows/system32/bcryptprimitives.dll" "$stub" -ladvapi32
  touch "$stamp"
fi
