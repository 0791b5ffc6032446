function Show-Help() {
  Write-Information @"
The installer of $app_name $app_version

It fetches the archive for this machine from
    $artifact_download_url
refuses it unless its SHA-256 is the known one, and installs meshctl and mcp-mesh-registry into
`$env:XDG_BIN_HOME, else `$HOME/.local/bin.

USAGE:
    mcp-mesh-installer.ps1 [PARAMETERS]
    irm $releases_url/latest/download/mcp-mesh-installer.ps1 | iex
    & ([scriptblock]::Create((irm $releases_url/latest/download/mcp-mesh-installer.ps1))) [PARAMETERS]

PARAMETERS:
    -Version VERSION  Install another release: 4.1.2 or 4.1.2-rc.1 exactly; 4 or 4.1 is the newest
                      stable one of that line
    -MeshctlOnly      Install meshctl alone
    -RegistryOnly     Install mcp-mesh-registry alone
    -NoModifyPath     Leave PATH as it is
    -Uninstall        Remove the binaries, the receipt and the entry in PATH; agents, logs and data stay
    -Help             Print this help

ENVIRONMENT:
    MCP_MESH_INSTALL_DIR                  Install into this folder
    MCP_MESH_UNMANAGED_INSTALL            Install into this folder; no receipt, PATH stays
    MCP_MESH_INSTALL_ONLY                 meshctl or registry: as -MeshctlOnly, -RegistryOnly
    MCP_MESH_NO_MODIFY_PATH=1             As -NoModifyPath
    MCP_MESH_DISABLE_UPDATE=1             Write no receipt, so that 'meshctl self update' stays away
    MCP_MESH_DOWNLOAD_URL                 The folder of one release's files: a mirror, or file:///...
    MCP_MESH_INSTALLER_GHE_BASE_URL       A GitHub Enterprise server instead of https://github.com
    MCP_MESH_INSTALLER_GITHUB_BASE_URL    Another host that looks like github.com
    MCP_MESH_GITHUB_TOKEN                 Sent to GitHub (or the server above) over https, never to a mirror
    HTTPS_PROXY, ALL_PROXY                The proxy to use
"@
}
