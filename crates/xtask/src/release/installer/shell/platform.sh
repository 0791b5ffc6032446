# shellcheck shell=dash
# Ends because there is no build for $1.
err_platform() {
    err "there is no build for $1. There are builds for
$(for _platform in $APP_PLATFORMS; do printf '    %s\n' "$_platform"; done)
On other systems build it with \`cargo install --git $BASE_URL/$APP_REPOSITORY mcp-mesh\`."
}
