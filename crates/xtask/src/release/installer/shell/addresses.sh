# shellcheck shell=dash
# Where releases and their list are. A download URL is a mirror of one release: it has no list.
DOWNLOAD_URL="${MCP_MESH_DOWNLOAD_URL:-${INSTALLER_DOWNLOAD_URL:-}}"
if [ -n "${MCP_MESH_INSTALLER_GHE_BASE_URL:-}" ]; then
    BASE_URL="${MCP_MESH_INSTALLER_GHE_BASE_URL%/}"
    API_URL="$BASE_URL/api/v3"
else
    BASE_URL="${MCP_MESH_INSTALLER_GITHUB_BASE_URL:-https://github.com}"
    BASE_URL="${BASE_URL%/}"
    API_URL="${BASE_URL%%://*}://api.${BASE_URL#*://}"
fi
RELEASES_URL="$BASE_URL/$APP_REPOSITORY/releases"
if [ -n "$DOWNLOAD_URL" ]; then
    ARTIFACT_DOWNLOAD_URL="${DOWNLOAD_URL%/}"
else
    ARTIFACT_DOWNLOAD_URL="$RELEASES_URL/download/v$APP_VERSION"
fi
