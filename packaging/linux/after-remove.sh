#!/bin/sh
# dpkg says `remove`, `purge` or `upgrade`, rpm how many versions are left.
set -e

if [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload || true
fi
case "$1" in
    # Only who asks for it loses the registry's state; systemd keeps it under `private`.
    purge) rm -rf /var/lib/mcp-mesh /var/lib/private/mcp-mesh ;;
esac
