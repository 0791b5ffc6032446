# shellcheck shell=dash
# Reads the command line into WANTED_VERSION, ONLY, UNINSTALL and dist's own switches.
read_arguments() {
    WANTED_VERSION=""
    UNINSTALL=0
    ONLY=""
    while [ "$#" -gt 0 ]; do
        case "$1" in
            --version)
                [ "$#" -ge 2 ] || err "--version needs a version, such as 4.1 or 4.1.2"
                want_version "$2"
                shift
                ;;
            --version=*) want_version "${1#*=}" ;;
            --meshctl-only) choose_only meshctl ;;
            --registry-only) choose_only mcp-mesh-registry ;;
            --uninstall) UNINSTALL=1 ;;
            --no-modify-path) NO_MODIFY_PATH=1 ;;
            -q | --quiet) PRINT_QUIET=1 ;;
            -v | --verbose) PRINT_VERBOSE=1 ;;
            -h | --help)
                usage
                exit 0
                ;;
            *) err "unknown argument '$1'; --help shows what there is" ;;
        esac
        shift
    done
    # `meshctl self update` cannot hand flags to an installer, so there is a variable too.
    if [ -z "$ONLY" ] && [ "$UNINSTALL" = 0 ]; then
        case "${MCP_MESH_INSTALL_ONLY:-}" in
            "") ;;
            meshctl) ONLY=meshctl ;;
            registry | mcp-mesh-registry) ONLY=mcp-mesh-registry ;;
            *) err "MCP_MESH_INSTALL_ONLY is '$MCP_MESH_INSTALL_ONLY'; set it to meshctl or registry" ;;
        esac
    fi
}

want_version() {
    case "${1#v}" in
        "" | [!0-9]* | *[!0-9A-Za-z.-]* | *..* | *.)
            err "'$1' is no version; write --version 4, 4.1, 4.1.2 or 4.1.2-rc.1"
            ;;
        *) WANTED_VERSION="${1#v}" ;;
    esac
}

choose_only() {
    if [ -n "$ONLY" ] && [ "$ONLY" != "$1" ]; then
        err "--meshctl-only and --registry-only exclude each other; leave both out to install both"
    fi
    ONLY="$1"
}

# Of the binaries $1, those that the user wants.
chosen_binaries() {
    local _bin
    for _bin in $1; do
        if [ -z "$ONLY" ] || [ "${_bin%.exe}" = "$ONLY" ]; then
            printf '%s ' "$_bin"
        fi
    done
}
