# shellcheck shell=dash
# The folders that the user names stay the same wherever profiles and receipt are read.
settle_folders() {
    [ -z "${MCP_MESH_INSTALL_DIR:-}" ] || MCP_MESH_INSTALL_DIR="$(absolute "$MCP_MESH_INSTALL_DIR")"
    [ -z "${CARGO_DIST_FORCE_INSTALL_DIR:-}" ] ||
        CARGO_DIST_FORCE_INSTALL_DIR="$(absolute "$CARGO_DIST_FORCE_INSTALL_DIR")"
    [ -z "$UNMANAGED_INSTALL" ] || UNMANAGED_INSTALL="$(absolute "$UNMANAGED_INSTALL")"
    [ -z "${XDG_BIN_HOME:-}" ] || XDG_BIN_HOME="$(absolute "$XDG_BIN_HOME")"
}

# The folder $1 from the root, without a slash at its end.
absolute() {
    local _path="$1"
    case "$_path" in
        /* | [A-Za-z]:[/\\]*) ;;
        *) _path="$(pwd)/${_path#./}" ;;
    esac
    while :; do
        case "$_path" in
            ?*/) _path="${_path%/}" ;;
            *) break ;;
        esac
    done
    printf '%s\n' "$_path"
}
