# Where releases and their list are. A download URL is a mirror of one release: it has no list.
$download_url = if ($env:MCP_MESH_DOWNLOAD_URL) { $env:MCP_MESH_DOWNLOAD_URL } else { $env:INSTALLER_DOWNLOAD_URL }
if ($env:MCP_MESH_INSTALLER_GHE_BASE_URL) {
  $base_url = $env:MCP_MESH_INSTALLER_GHE_BASE_URL.TrimEnd('/')
  $api_url = "$base_url/api/v3"
} else {
  $base_url = if ($env:MCP_MESH_INSTALLER_GITHUB_BASE_URL) { $env:MCP_MESH_INSTALLER_GITHUB_BASE_URL.TrimEnd('/') } else { 'https://github.com' }
  $api_url = $base_url -replace '://', '://api.'
}
$releases_url = "$base_url/$app_repository/releases"
if ($download_url) {
  $artifact_download_url = $download_url.TrimEnd('/')
} else {
  $artifact_download_url = "$releases_url/download/v$app_version"
}

$auth_token = $env:MCP_MESH_GITHUB_TOKEN
