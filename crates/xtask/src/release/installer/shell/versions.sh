# shellcheck shell=dash
# Turns the version that the user wants into a release; goes on only if that is this installer's own.
follow_wanted_version() {
    local _version="$WANTED_VERSION"
    if [ -z "$_version" ] || [ "$_version" = "$APP_VERSION" ]; then
        return 0
    fi
    if [ -n "$DOWNLOAD_URL" ]; then
        err "the folder of MCP_MESH_DOWNLOAD_URL decides the version, and this installer's is $APP_VERSION. To get $_version, leave --version out and run the installer of that release with that release's folder, or unset MCP_MESH_DOWNLOAD_URL."
    fi
    case "$_version" in
        *.*.*) ;;
        *) _version="$(newest_of_line "$_version")" || exit 1 ;;
    esac
    if [ "$_version" != "$APP_VERSION" ]; then
        hand_over "$_version"
    fi
}

# The newest stable release whose version starts with $1.
newest_of_line() {
    local _newest
    list_versions || err_download "$API_URL/repos/$APP_REPOSITORY/releases" "$?"
    _newest="$(awk -v line="$1." '
        index($0, line) == 1 && /^[0-9]+\.[0-9]+\.[0-9]+$/ {
            split($0, v, ".")
            if (newest == "" || v[1] * 1 > a * 1 || v[1] * 1 == a * 1 && (v[2] * 1 > b * 1 || v[2] * 1 == b * 1 && v[3] * 1 > c * 1)) {
                newest = $0; a = v[1]; b = v[2]; c = v[3]
            }
        }
        END { print newest }' "$WORK_DIR/versions")"
    [ -n "$_newest" ] || err_unknown_version "$1"
    printf '%s\n' "$_newest"
}

# Ends because there is no release $1; $WORK_DIR/versions says which there are.
err_unknown_version() {
    err "there is no release $1 at $RELEASES_URL. There are: $(head -n 20 "$WORK_DIR/versions" | tr '\n' ' ')"
}

# Writes every published version into $WORK_DIR/versions, as the server orders them.
list_versions() {
    local _page=1
    local _status
    : >"$WORK_DIR/versions"
    while :; do
        _status=0
        download "$API_URL/repos/$APP_REPOSITORY/releases?per_page=100&page=$_page" "$WORK_DIR/releases.json" ||
            _status="$?"
        [ "$_status" -eq 0 ] || return "$_status"
        # One property a line. A quote inside a JSON string has a backslash before it, so no text of a
        # release can look like a property.
        awk '{ gsub(/[][,{}]/, "\n"); print }' "$WORK_DIR/releases.json" | awk '
            /^[ \t\r]*"tag_name"[ \t]*:/ {
                tag = $0; sub(/^[^:]*:[ \t]*"/, "", tag); sub(/".*/, "", tag); sub(/^v/, "", tag)
            }
            /^[ \t\r]*"draft"[ \t]*:/ { draft = $0; sub(/^[^:]*:[ \t]*/, "", draft) }
            tag != "" && draft != "" { print (draft ~ /^true/ ? "draft" : tag); tag = ""; draft = "" }
        ' >"$WORK_DIR/page"
        grep -v '^draft$' "$WORK_DIR/page" >>"$WORK_DIR/versions"
        # A page that is not full is the last one.
        [ "$(grep -c . "$WORK_DIR/page")" -ge 100 ] || return 0
        _page=$((_page + 1))
    done
}

# Runs the installer of release $1 instead of this one, after a look at its checksum.
hand_over() {
    local _url="$RELEASES_URL/download/v$1"
    local _installer="$WORK_DIR/mcp-mesh-installer.sh"
    local _hash
    local _status=0
    download "$_url/SHA256SUMS" "$WORK_DIR/SHA256SUMS" || _status="$?"
    if [ "$_status" -ne 0 ]; then
        local _said
        _said="$(cat "$WORK_DIR/download.log")"
        if list_versions && ! grep -F -x "$1" "$WORK_DIR/versions" >/dev/null; then
            err_unknown_version "$1"
        fi
        printf '%s\n' "$_said" >"$WORK_DIR/download.log"
        err_download "$_url/SHA256SUMS" "$_status"
    fi
    download "$_url/mcp-mesh-installer.sh" "$_installer" || err_download "$_url/mcp-mesh-installer.sh" "$?"
    # A line is HASH *NAME.
    _hash="$(awk '{ sub(/^\*/, "", $2) } $2 == "mcp-mesh-installer.sh" { print $1 }' "$WORK_DIR/SHA256SUMS")"
    if [ "${#_hash}" -ne 64 ]; then
        err "$_url/SHA256SUMS has no checksum of mcp-mesh-installer.sh, and unverified files are not run. Nothing was changed; see $RELEASES_URL"
    fi
    verify_checksum "$_installer" "$_hash" "$_url/mcp-mesh-installer.sh"

    say "handing over to the installer of $APP_NAME $1"
    set --
    [ -z "$ONLY" ] || set -- "$@" "--${ONLY#mcp-mesh-}-only"
    [ "$NO_MODIFY_PATH" = 0 ] || set -- "$@" --no-modify-path
    [ "$PRINT_QUIET" = 0 ] || set -- "$@" --quiet
    [ "$PRINT_VERBOSE" = 0 ] || set -- "$@" --verbose
    _status=0
    sh "$_installer" "$@" || _status="$?"
    exit "$_status"
}
