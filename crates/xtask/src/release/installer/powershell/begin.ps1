  if ($Help) {
    Show-Help
    return
  }
  if ($MeshctlOnly -and $RegistryOnly) {
    throw "ERROR: -MeshctlOnly and -RegistryOnly exclude each other; leave both out to install both"
  }

  if ($env:MCP_MESH_INSTALL_ONLY -and -not ($MeshctlOnly -or $RegistryOnly -or $Uninstall)) {
    throw "ERROR: MCP_MESH_INSTALL_ONLY is '$env:MCP_MESH_INSTALL_ONLY'; set it to meshctl or registry"
  }

  Initialize-Environment

  if ($Uninstall) {
    Remove-Installation
    return
  }
  if (Invoke-WantedInstaller) {
    return
  }
