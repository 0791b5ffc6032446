# Whether a switch of the environment is on: neither empty, nor 0, nor a word for no.
function Test-On($value) {
  return ($value) -and ($value -notin @('0', 'no', 'off', 'false'))
}

$install_updater = -not (Test-On $env:MCP_MESH_DISABLE_UPDATE)

$no_modify_path = if ($env:MCP_MESH_NO_MODIFY_PATH) { $env:MCP_MESH_NO_MODIFY_PATH } else { $env:INSTALLER_NO_MODIFY_PATH }
if (Test-On $no_modify_path) {
  $NoModifyPath = $true
}

# `meshctl self update` cannot hand parameters to an installer, so there is a variable too.
if (-not ($MeshctlOnly -or $RegistryOnly -or $Uninstall)) {
  switch ($env:MCP_MESH_INSTALL_ONLY) {
    'meshctl' { $MeshctlOnly = $true }
    'registry' { $RegistryOnly = $true }
    'mcp-mesh-registry' { $RegistryOnly = $true }
  }
}

$unmanaged_install = $env:MCP_MESH_UNMANAGED_INSTALL
