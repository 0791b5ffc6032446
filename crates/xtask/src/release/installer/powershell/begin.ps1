  if ($Help) {
    Show-Help
    return
  }
  if ($MeshctlOnly -and $RegistryOnly) {
    throw "ERROR: -MeshctlOnly and -RegistryOnly exclude each other; leave both out to install both"
  }

  Initialize-Environment

  if ($Uninstall) {
    Remove-Installation
    return
  }
  if (Invoke-WantedInstaller) {
    return
  }
