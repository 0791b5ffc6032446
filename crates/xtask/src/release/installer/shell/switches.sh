# shellcheck shell=dash
# Whether a switch of the environment is on: neither empty, nor 0, nor a word for no.
is_on() {
    case "$1" in
        "" | 0 | [Nn][Oo] | [Oo][Ff][Ff] | [Ff][Aa][Ll][Ss][Ee]) return 1 ;;
        *) return 0 ;;
    esac
}

NO_MODIFY_PATH=0
if is_on "${MCP_MESH_NO_MODIFY_PATH:-${INSTALLER_NO_MODIFY_PATH:-}}"; then
    NO_MODIFY_PATH=1
fi
INSTALL_UPDATER=1
if is_on "${MCP_MESH_DISABLE_UPDATE:-}"; then
    INSTALL_UPDATER=0
fi
UNMANAGED_INSTALL="${MCP_MESH_UNMANAGED_INSTALL:-}"
if [ -n "$UNMANAGED_INSTALL" ]; then
    NO_MODIFY_PATH=1
    INSTALL_UPDATER=0
fi
AUTH_TOKEN="${MCP_MESH_GITHUB_TOKEN:-}"
