# shellcheck shell=dash
# Which program downloads.
find_downloader() {
    local _curl
    _curl="$(command -v curl || true)"
    case "$_curl" in
        # A snap's curl cannot write to our folders: https://github.com/boukendesho/curl-snap/issues/1
        "" | */snap/*) ;;
        *)
            DOWNLOADER=curl
            return
            ;;
    esac
    if check_cmd wget; then
        DOWNLOADER=wget
    elif [ -n "$_curl" ]; then
        err "curl from a snap cannot be used here; install curl or wget with another package manager"
    else
        err "neither curl nor wget was found; install one of them"
    fi
}

# Downloads $1 into the file $2. Says nothing: see err_download.
download() {
    case "$1" in
        # wget knows no files.
        file://*) cp "$(path_of "$1")" "$2" 2>"$WORK_DIR/download.log" ;;
        *) "download_with_$DOWNLOADER" "$1" "$2" 2>"$WORK_DIR/download.log" ;;
    esac
}

# The path in the file URL $1, where %20 is a space.
path_of() {
    printf '%s\n' "${1#file://}" | LC_ALL=C awk '{
        path = ""
        while (match($0, /%[0-9A-Fa-f][0-9A-Fa-f]/)) {
            high = index("0123456789abcdef", tolower(substr($0, RSTART + 1, 1))) - 1
            low = index("0123456789abcdef", tolower(substr($0, RSTART + 2, 1))) - 1
            path = path substr($0, 1, RSTART - 1) sprintf("%c", high * 16 + low)
            $0 = substr($0, RSTART + 3)
        }
        print path $0
    }'
}

# An error page is a failure (--fail), and so is a redirection away from https.
download_with_curl() {
    local _url="$1"
    set -- --silent --show-error --fail --location --connect-timeout 30 --speed-limit 1 --speed-time 60 --retry 2 --output "$2" "$1"
    case "$_url" in
        https://*) set -- --proto =https "$@" ;;
    esac
    if may_know_token "$_url"; then
        # By standard input: arguments are for everybody on this machine to see.
        printf 'header = "Authorization: Bearer %s"\n' "$AUTH_TOKEN" | curl --config - "$@"
    else
        curl "$@"
    fi
}

download_with_wget() {
    # Busybox knows neither option; it tries once anyway.
    case "$(wget --help 2>&1)" in
        *--tries*) wget --no-verbose --tries=2 --timeout=60 --output-document="$2" "$1" ;;
        *) wget -O "$2" "$1" ;;
    esac
}

# Forgets the token where it could reach somebody else, and says so.
settle_token() {
    local _why=""
    if [ -z "$AUTH_TOKEN" ]; then
        return
    fi
    case "$AUTH_TOKEN" in
        *[!0-9A-Za-z_.~+/=-]*) err "MCP_MESH_GITHUB_TOKEN has characters that no token has; copy it again" ;;
    esac
    if [ -n "$DOWNLOAD_URL" ]; then
        _why="it is not for the mirror $DOWNLOAD_URL"
    elif [ "${BASE_URL#https://}" = "$BASE_URL" ]; then
        _why="$BASE_URL is not https"
    elif [ "$DOWNLOADER" = wget ]; then
        _why="wget would pass it on to other hosts; install curl"
    elif ! curl --version | awk 'NR == 1 { split($2, v, "."); exit !(v[1] > 7 || v[1] == 7 && v[2] >= 58) }'; then
        # Before 7.58 it handed our header on to wherever it was redirected.
        _why="this old curl would pass it on to other hosts; update it"
    fi
    if [ -n "$_why" ]; then
        warn "MCP_MESH_GITHUB_TOKEN is not used: $_why"
        AUTH_TOKEN=""
    fi
}

# Whether the token may go to $1: only to the host that it belongs to.
may_know_token() {
    if [ -z "$AUTH_TOKEN" ]; then
        return 1
    fi
    case "$1" in
        "$BASE_URL"/* | "$API_URL"/*) return 0 ;;
        *) return 1 ;;
    esac
}

# Ends because $1 did not arrive; $2 is what the downloader exited with.
err_download() {
    local _said
    local _cure
    _said="$(cat "$WORK_DIR/download.log" 2>/dev/null)"
    case "$1" in
        file:///*) set -- "$1" "$2" file ;;
        *://*) set -- "$1" "$2" "$DOWNLOADER" ;;
        *) set -- "$1" "$2" path ;;
    esac
    case "$3 $2 $_said" in
        *"o space left"* | "curl 23 "* | "wget 3 "*)
            _cure="The disk of $WORK_DIR may be full: free some space, or set TMPDIR to another folder."
            ;;
        "file "*)
            _cure="The folder of MCP_MESH_DOWNLOAD_URL must have every file of the release, as file:///path/to/folder."
            ;;
        "path "*)
            _cure="MCP_MESH_DOWNLOAD_URL must be a URL: https://... or, for a folder, file:///path/to/folder."
            ;;
        *" 403"*)
            _cure="GitHub limits how much can be asked without a token: wait an hour, or set MCP_MESH_GITHUB_TOKEN."
            ;;
        "curl 22 "* | "wget 8 "* | *" 404"*)
            _cure="The server has no such file. If it is a mirror, it must have every file of the release; else see $RELEASES_URL"
            ;;
        *)
            _cure="Check the network and HTTPS_PROXY, or set MCP_MESH_DOWNLOAD_URL to a mirror of the release."
            ;;
    esac
    err "failed to download $1
$_said
$_cure
Nothing was changed."
}
