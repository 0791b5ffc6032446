# Every published version.
function Get-PublishedVersions($work) {
  $versions = @()
  for ($page = 1; ; $page++) {
    $file = Join-Path $work "releases.json"
    Get-ReleaseFile "$api_url/repos/$app_repository/releases?per_page=100&page=$page" $file
    # Windows PowerShell hands a list on as one thing; assigning it first takes it apart.
    $parsed = Get-Content -LiteralPath $file -Raw -ErrorAction Stop | ConvertFrom-Json
    $releases = @($parsed)
    $versions += @($releases | Where-Object { -not $_.draft } | ForEach-Object { $_.tag_name -replace '^v', '' })
    if ($releases.Count -lt 100) {
      return $versions
    }
  }
}

# The newest stable version that starts with $line.
function Find-NewestOfLine($line, $work) {
  $versions = @(Get-PublishedVersions $work)
  $newest = $versions |
    Where-Object { $_.StartsWith("$line.") -and $_ -match '^\d+\.\d+\.\d+$' } |
    Sort-Object { [version]$_ } |
    Select-Object -Last 1
  if (-not $newest) {
    throw "ERROR: there is no release $line at $releases_url. There are: $($versions -join ' ')"
  }
  return $newest
}

# Runs the installer of the release that the user wants, if that is another one; says whether it did.
function Invoke-WantedInstaller() {
  if (-not $Version) {
    return $false
  }
  $wanted = $Version -replace '^v', ''
  if ($wanted -notmatch '^\d+(\.\d+)?$' -and $wanted -notmatch '^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$') {
    throw "ERROR: '$Version' is no version; write -Version 4, 4.1, 4.1.2 or 4.1.2-rc.1"
  }
  if ($wanted -eq $app_version) {
    return $false
  }
  if ($download_url) {
    throw "ERROR: the folder of MCP_MESH_DOWNLOAD_URL decides the version, and this installer's is $app_version. To get $wanted, run the installer of that release with that release's folder, or remove MCP_MESH_DOWNLOAD_URL."
  }
  $work = New-Temp-Dir
  try {
    if ($wanted -notmatch '^\d+\.\d+\.\d+') {
      $wanted = Find-NewestOfLine $wanted $work
      if ($wanted -eq $app_version) {
        return $false
      }
    }
    $url = "$releases_url/download/v$wanted"
    $sums = Join-Path $work "SHA256SUMS"
    try {
      Get-ReleaseFile "$url/SHA256SUMS" $sums
    } catch {
      $failure = $_
      $versions = try { @(Get-PublishedVersions $work) } catch { @() }
      if ($versions -and $wanted -notin $versions) {
        throw "ERROR: there is no release $wanted at $releases_url. There are: $($versions -join ' ')"
      }
      throw $failure
    }
    $installer = Join-Path $work "mcp-mesh-installer.ps1"
    Get-ReleaseFile "$url/mcp-mesh-installer.ps1" $installer
    # A line is HASH *NAME.
    $line = Get-Content -LiteralPath $sums | Where-Object { $_ -match '^[0-9A-Fa-f]{64} [ *]mcp-mesh-installer\.ps1$' } | Select-Object -First 1
    $hash = ("$line" -split ' ')[0]
    Confirm-Checksum $installer $hash "$url/mcp-mesh-installer.ps1"
    Write-Information "handing over to the installer of $app_name $wanted"
    $parameters = @{}
    if ($MeshctlOnly) { $parameters['MeshctlOnly'] = $true }
    if ($RegistryOnly) { $parameters['RegistryOnly'] = $true }
    if ($NoModifyPath) { $parameters['NoModifyPath'] = $true }
    & ([scriptblock]::Create((Get-Content -LiteralPath $installer -Raw))) @parameters
    return $true
  } finally {
    Remove-Item -LiteralPath $work -Recurse -Force -ErrorAction SilentlyContinue
  }
}
