#!/bin/sh
# dpkg says `configure OLD-VERSION`, rpm how many versions are there now. The unit is not enabled or
# started: whoever installs meshctl may not want a registry.
set -e

if [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload || true
    case "$1:$2" in
        # An upgrade: a registry that runs goes on as the new version.
        configure:?* | 2:*) systemctl try-restart mcp-mesh-registry.service || true ;;
    esac
fi
