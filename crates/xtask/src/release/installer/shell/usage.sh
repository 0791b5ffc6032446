# shellcheck shell=dash
usage() {
    cat <<EOF
The installer of $APP_NAME $APP_VERSION

It fetches the archive for this machine from
    $ARTIFACT_DOWNLOAD_URL
refuses it unless its SHA-256 is the known one, and installs meshctl and mcp-mesh-registry into
\$XDG_BIN_HOME, else \$HOME/.local/bin. It needs no root and leaves an older installation as it is until
everything new is in place.

USAGE:
    mcp-mesh-installer.sh [OPTIONS]
    curl -LsSf $RELEASES_URL/latest/download/mcp-mesh-installer.sh | sh -s -- [OPTIONS]

OPTIONS:
        --version VERSION
            Install another release: 4.1.2 or 4.1.2-rc.1 exactly; 4 or 4.1 is the newest stable one of
            that line. A leading v is fine
        --meshctl-only
            Install meshctl alone
        --registry-only
            Install mcp-mesh-registry alone
        --no-modify-path
            Touch no shell profile
        --uninstall
            Remove the binaries, the receipt, and the lines in shell profiles; agents, logs and data stay
    -q, --quiet
            Print errors and warnings only
    -v, --verbose
            Print what is done
    -h, --help
            Print this help

ENVIRONMENT:
    MCP_MESH_INSTALL_DIR                  Install into this folder
    MCP_MESH_UNMANAGED_INSTALL            Install into this folder; no receipt, no shell profile
    MCP_MESH_INSTALL_ONLY                 meshctl or registry: as --meshctl-only, --registry-only
    MCP_MESH_NO_MODIFY_PATH=1             As --no-modify-path
    MCP_MESH_DISABLE_UPDATE=1             Write no receipt, so that \`meshctl self update\` stays away
    MCP_MESH_DOWNLOAD_URL                 The folder of one release's files: a mirror, or file:///...
    MCP_MESH_INSTALLER_GHE_BASE_URL       A GitHub Enterprise server instead of https://github.com
    MCP_MESH_INSTALLER_GITHUB_BASE_URL    Another host that looks like github.com
    MCP_MESH_GITHUB_TOKEN                 Sent to GitHub (or the server above) over https, never to a mirror
    HTTPS_PROXY, ALL_PROXY, NO_PROXY      As curl and wget understand them
    XDG_CONFIG_HOME                       Where the receipt is; default \$HOME/.config
    TMPDIR                                Where archives are unpacked
EOF
}
