# Whether the token may go to $url: the host that it belongs to, over https, and no mirror.
function Test-TokenBelongs($url) {
  return ($auth_token) -and (-not $download_url) -and $url.StartsWith('https://') -and
    ($url.StartsWith("$base_url/") -or $url.StartsWith("$api_url/"))
}

# Downloads $url to the file $path. An error page is an error.
function Get-ReleaseFile($url, $path) {
  $uri = [System.Uri]$url
  if ($uri.IsFile) {
    Copy-Item -LiteralPath $uri.LocalPath -Destination $path -ErrorAction Stop
    return
  }
  $client = New-Object Net.WebClient
  $proxy = WebProxyFromEnvironment
  if ($null -ne $proxy) {
    $client.Proxy = $proxy
  }
  # The API of GitHub refuses anonymous programs.
  $client.Headers['User-Agent'] = "$app_name-installer/$app_version"
  if (Test-TokenBelongs $url) {
    # .NET drops this header when it is redirected.
    $client.Headers['Authorization'] = "Bearer $auth_token"
  }
  try {
    Invoke-DownloadFile -client $client -url $url -path $path
  } catch {
    throw @"
ERROR: $(Get-ExceptionMessage $_.Exception)
Check the network, HTTPS_PROXY and free disk space, or set MCP_MESH_DOWNLOAD_URL to a mirror of the release.
See $releases_url for what there is. Nothing was changed.
"@
  } finally {
    $client.Dispose()
  }
}

# Throws unless the file $path, which came from $url, has the SHA-256 $want.
function Confirm-Checksum($path, $want, $url) {
  if ($want -notmatch '^[0-9A-Fa-f]{64}$') {
    throw "ERROR: no SHA-256 is known of $url, and unverified files are not installed. Take the installer from $releases_url"
  }
  $got = (Get-FileHash -LiteralPath $path -Algorithm SHA256 -ErrorAction Stop).Hash
  if ($got -ine $want) {
    $cure = "Try again; if it stays, the server or something on the way changes files."
    if ($download_url) {
      $cure = "This installer is of $app_name ${app_version}: the folder of MCP_MESH_DOWNLOAD_URL must hold that release."
    }
    throw @"
ERROR: checksum mismatch: $url is not the file that was released
    want: $want
    got:  $got
Nothing was changed. $cure
"@
  }
}
