# Whether the user wants the binary $bin.
function Test-Chosen($bin) {
  $name = $bin -replace '\.exe$', ''
  return -not (($MeshctlOnly -and $name -ne 'meshctl') -or ($RegistryOnly -and $name -ne 'mcp-mesh-registry'))
}

# Installs the archive that $info describes. Everything that can fail happens beside what is installed;
# what replaces it is renaming.
function Install-Archive($info) {
  $folder = Find-InstallFolder
  $dest = $folder['dest']
  $bins = @($info['bins'] | Where-Object { Test-Chosen $_ })
  $name = $info['artifact_name']
  $url = "$artifact_download_url/$name"
  try {
    # The receipt and PATH are read from elsewhere, so a relative folder is no name for it.
    $dest = (New-Item -Force -ItemType Directory -Path $dest -ErrorAction Stop).FullName
    $folder['dest'] = $dest
    if ($folder['layout'] -eq 'flat') {
      $folder['prefix'] = $dest
    }
    # What an earlier run could not remove because it was running.
    Get-ChildItem -LiteralPath $dest -Filter '.mcp-mesh.*' -Directory -Force | Remove-Item -Recurse -Force -ErrorAction SilentlyContinue
    $stage = Join-Path $dest ".mcp-mesh.$([guid]::NewGuid())"
    $null = New-Item -ItemType Directory -Path (Join-Path $stage 'old') -ErrorAction Stop
  } catch {
    throw @"
ERROR: cannot write to the install folder ${dest}: $(Get-ExceptionMessage $_.Exception)
Make it writable, or set MCP_MESH_INSTALL_DIR to a folder that is. Nothing was downloaded or changed.
"@
  }
  $work = $null
  try {
    $work = New-Temp-Dir
    $archive = Join-Path $work $name
    $unpacked = Join-Path $work 'unpacked'
    Write-Information "downloading $app_name $app_version from $url"
    Get-ReleaseFile $url $archive
    Confirm-Checksum $archive $checksums[$name] $url
    Expand-Archive -LiteralPath $archive -DestinationPath $unpacked -ErrorAction Stop
    foreach ($bin in $bins) {
      Copy-Item -LiteralPath (Join-Path $unpacked $bin) -Destination $stage -ErrorAction Stop
    }
    $staged_receipt = Join-Path $stage 'receipt.json'
    Write-Receipt $staged_receipt $folder $info $bins
    Write-Information "installing to $dest"
    Switch-Binaries $dest $stage $bins $staged_receipt
  } finally {
    # The old meshctl may be running: then its copy goes with the next installation.
    Remove-Item -LiteralPath $stage -Recurse -Force -ErrorAction SilentlyContinue
    if ($work) {
      Remove-Item -LiteralPath $work -Recurse -Force -ErrorAction SilentlyContinue
    }
  }
  $bins | ForEach-Object { Write-Information "  $_" }
  Write-Information "run 'meshctl --help' to start; 'meshctl self update' upgrades"
  if (-not $NoModifyPath) {
    Add-Ci-Path $dest
    if (Add-Path $dest) {
      Write-Information ""
      Write-Information "To add $dest to your PATH, either restart your shell or run:"
      Write-Information ""
      Write-Information "    set Path=$dest;%Path%   (cmd)"
      Write-Information "    `$env:Path = `"$dest;`$env:Path`"   (powershell)"
    }
  }
}

# Writes the receipt of the binaries $bins into the file $path.
function Write-Receipt($path, $folder, $info, $bins) {
  $prefix = "$($folder['prefix'])"
  $listed = @($bins)
  $known = Read-Receipt
  if ($known -and $known.install_prefix -eq $prefix) {
    # A binary of an earlier run that is still there is still ours.
    $listed += @($known.binaries | Where-Object { $_ -notin $listed -and (Test-Path -LiteralPath (Join-Path $folder['dest'] $_)) })
  }
  $text = $receipt.Replace('AXO_INSTALL_PREFIX', $prefix.Replace('\', '\\'))
  $text = $text.Replace('"install_layout":"unspecified"', -join('"install_layout":"', $folder['layout'], '"'))
  $text = $text.Replace('"CARGO_DIST_BINS"', (($listed | ForEach-Object { '"' + $_ + '"' }) -join ','))
  $text = $text.Replace('"CARGO_DIST_DYLIBS"', '').Replace('"CARGO_DIST_STATICLIBS"', '')
  if ($NoModifyPath) {
    $text = $text.Replace('"modify_path":true', '"modify_path":false')
  }
  # Windows PowerShell's own encodings of UTF-8 start with a mark that JSON does not know.
  [IO.File]::WriteAllText($path, "$text`n", (New-Object System.Text.UTF8Encoding $false))
}

# The receipt of the last installation, if there is one.
function Read-Receipt() {
  $path = Join-Path $receipt_home 'mcp-mesh-receipt.json'
  if (Test-Path -LiteralPath $path) {
    return Get-Content -LiteralPath $path -Raw -ErrorAction Stop | ConvertFrom-Json
  }
}

# Renames the staged binaries into place, and the receipt last: all, or none. A running program cannot be
# overwritten on Windows, but it can be renamed.
function Switch-Binaries($dest, $stage, $bins, $staged_receipt) {
  $old = Join-Path $stage 'old'
  $done = @()
  try {
    if ($install_updater) {
      $null = New-Item -Force -ItemType Directory -Path $receipt_home -ErrorAction Stop
    }
    foreach ($bin in $bins) {
      $target = Join-Path $dest $bin
      if (Test-Path -LiteralPath $target) {
        Move-Item -LiteralPath $target -Destination $old -ErrorAction Stop
      }
      $done += $bin
      Move-Item -LiteralPath (Join-Path $stage $bin) -Destination $target -ErrorAction Stop
    }
    if ($install_updater) {
      Move-Item -Force -LiteralPath $staged_receipt -Destination (Join-Path $receipt_home 'mcp-mesh-receipt.json') -ErrorAction Stop
    }
  } catch {
    $failure = Get-ExceptionMessage $_.Exception
    foreach ($bin in $done) {
      $target = Join-Path $dest $bin
      $kept = Join-Path $old $bin
      Remove-Item -LiteralPath $target -Force -ErrorAction SilentlyContinue
      if (Test-Path -LiteralPath $kept) {
        Move-Item -LiteralPath $kept -Destination $target
      }
    }
    throw @"
ERROR: failed to replace the binaries in ${dest}: $failure
The installation is as it was. Stop what uses them and try again.
"@
  }
}
