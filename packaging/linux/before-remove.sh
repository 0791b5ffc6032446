#!/bin/sh
# dpkg says `remove` or `upgrade`, rpm how many versions will be left. An upgrade goes on running.
set -e

if [ -d /run/systemd/system ]; then
    case "$1" in
        remove | 0) systemctl --no-reload disable --now mcp-mesh-registry.service || true ;;
    esac
fi
