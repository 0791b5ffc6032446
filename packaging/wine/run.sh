#!/usr/bin/env bash
# Runs a program for Windows: run PROGRAM [ARG…]
# WINEPREFIX names another Windows than the one beside this script.
set -euo pipefail

folder=$(cd "$(dirname "$0")" && pwd)
export WINEPREFIX=${WINEPREFIX:-$folder/prefix}
export WINEDEBUG=${WINEDEBUG:--all}
# No window, no sound, no X server: the programs have none.
unset DISPLAY
exec /usr/lib/wine/wine64 "$@"
