# shellcheck shell=dash
# Which program knows SHA-256. Without one nothing is installed.
find_sha256() {
    for SHA256 in sha256sum shasum openssl; do
        if check_cmd "$SHA256"; then
            return
        fi
    done
    err "nothing here can compute a SHA-256, and unverified files are not installed; install sha256sum (coreutils), shasum (perl) or openssl"
}

# The SHA-256 of the file $1 in lower case; nothing when the program fails.
sha256_of() {
    case "$SHA256" in
        sha256sum) sha256sum <"$1" | awk '{ print tolower($1) }' ;;
        shasum) shasum -a 256 <"$1" | awk '{ print tolower($1) }' ;;
        openssl) openssl dgst -sha256 <"$1" | awk '{ print tolower($NF) }' ;;
    esac
}

# Ends unless the file $1 has the SHA-256 $2; $3 is what it was downloaded from.
verify_checksum() {
    local _want
    local _got
    local _cure
    _want="$(printf '%s' "$2" | tr 'A-F' 'a-f')"
    _got="$(sha256_of "$1")"
    if [ "${#_got}" -ne 64 ]; then
        err "$SHA256 did not compute the SHA-256 of $3; nothing was changed"
    fi
    if [ "$_got" != "$_want" ]; then
        _cure="Try again; if it stays, the server or something on the way changes files."
        if [ -n "$DOWNLOAD_URL" ]; then
            _cure="This installer is of $APP_NAME $APP_VERSION: the folder of MCP_MESH_DOWNLOAD_URL must hold that release."
        fi
        err "checksum mismatch: $3 is not the file that was released
    want: $_want
    got:  $_got
Nothing was changed. $_cure"
    fi
}

# Ends unless dist wrote a SHA-256 for the archive $1: its style is $2, its value $3.
require_checksum() {
    case "$3" in
        *[!0-9A-Fa-f]*) set -- "$1" "$2" "" ;;
    esac
    if [ "$2" != sha256 ] || [ "${#3}" -ne 64 ]; then
        err "this installer has no SHA-256 for $1, and unverified files are not installed; take the installer from $RELEASES_URL"
    fi
}
