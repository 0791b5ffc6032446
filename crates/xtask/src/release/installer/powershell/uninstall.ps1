# Removes what installers put here.
function Remove-Installation() {
  if ($Version -or $MeshctlOnly -or $RegistryOnly) {
    throw "ERROR: -Uninstall removes everything; leave -Version, -MeshctlOnly and -RegistryOnly out"
  }
  $known = Read-Receipt
  $named = if ($env:MCP_MESH_INSTALL_DIR) { $env:MCP_MESH_INSTALL_DIR } else { $unmanaged_install }
  if ($named) {
    $named = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($named)
  }
  $bins = @('meshctl.exe', 'mcp-mesh-registry.exe')
  if ($named -and (-not $known -or $known.install_prefix -ne $named)) {
    # Another installation than the receipt's, which stays.
    $known = $null
    $dest = $named
  } elseif ($known) {
    $bins = @($known.binaries)
    $dest = $known.install_prefix
    if ($known.install_layout -in @('cargo-home', 'hierarchical')) {
      $dest = Join-Path $dest 'bin'
    }
  } else {
    throw "ERROR: there is no receipt in $receipt_home, so no installation to remove. If $app_name was installed without one, set MCP_MESH_INSTALL_DIR to the folder of meshctl.exe; if by Scoop, run: scoop uninstall mcp-mesh"
  }
  foreach ($bin in $bins) {
    $path = Join-Path $dest $bin
    if (Test-Path -LiteralPath $path) {
      try {
        Remove-Item -LiteralPath $path -Force -ErrorAction Stop
      } catch {
        throw "ERROR: cannot remove ${path}: $(Get-ExceptionMessage $_.Exception) If it runs, stop it (meshctl stop) and try again."
      }
      Write-Information "removed $path"
    }
  }
  if ($known) {
    if (-not $NoModifyPath) {
      Remove-Path $dest
    }
    Remove-Item -LiteralPath (Join-Path $receipt_home 'mcp-mesh-receipt.json') -Force -ErrorAction Stop
    # Only when nothing else is in it.
    if (-not (Get-ChildItem -LiteralPath $receipt_home -Force)) {
      Remove-Item -LiteralPath $receipt_home -ErrorAction SilentlyContinue
    }
  }
  Write-Information "$app_name is uninstalled; agents' state and logs in ~/.mcp-mesh stay"
}

# Takes the folder $dest out of the user's PATH, unless other programs are in it.
function Remove-Path($dest) {
  if ((Test-Path -LiteralPath $dest) -and (Get-ChildItem -LiteralPath $dest -Force)) {
    return
  }
  $registry = 'registry::HKEY_CURRENT_USER\Environment'
  $directories = (Get-Item -LiteralPath $registry).GetValue('Path', '', 'DoNotExpandEnvironmentNames') -split ';' -ne ''
  $others = @($directories | Where-Object { $_.TrimEnd('\', '/') -ne $dest.TrimEnd('\', '/') })
  if ($others.Count -ne $directories.Count) {
    Set-ItemProperty -Type ExpandString -LiteralPath $registry Path ($others -join ';')
  }
}
