# shellcheck shell=dash
# The text $1 inside a JSON string.
json_text() {
    printf '%s' "$1" | sed 's/[\\"]/\\&/g'
}

# The string property $1 of the receipt $2.
receipt_text() {
    sed -n 's/.*"'"$1"'":"\([^"\\]*\(\\.[^"\\]*\)*\)".*/\1/p' "$2" | sed 's/\\\(.\)/\1/g'
}

# The binaries that the receipt $1 lists, separated by spaces.
receipt_binaries() {
    sed -n 's/.*"binaries":\[\([^]]*\)\].*/\1/p' "$1" | tr -d '"' | tr ',' ' '
}

# Writes the receipt beside the old one, to be renamed when the binaries are in place: of the folder $1
# (as the receipt calls it: $2) with layout $3 and the binaries $4.
stage_receipt() {
    local _receipt="$RECEIPT_HOME/$APP_NAME-receipt.json"
    local _prefix="$2"
    local _bins="$4"
    local _bin
    local _json=""
    OLD_PREFIX=""
    [ "$INSTALL_UPDATER" = 1 ] || return 0
    if is_windows_posix && check_cmd cygpath; then
        _prefix="$(cygpath -w "$_prefix")"
    fi
    # A binary of an earlier run that is still there is still ours.
    if [ -f "$_receipt" ] && [ "$(receipt_text install_prefix "$_receipt")" = "$_prefix" ]; then
        for _bin in $(receipt_binaries "$_receipt"); do
            case " $_bins " in
                *" $_bin "*) ;;
                *) [ ! -f "$1/$_bin" ] || _bins="$_bins $_bin" ;;
            esac
        done
    elif [ -f "$_receipt" ]; then
        # There is one receipt, so this installation is forgotten.
        OLD_PREFIX="$(receipt_text install_prefix "$_receipt")"
        if [ ! -f "$OLD_PREFIX/meshctl" ] && [ ! -f "$OLD_PREFIX/mcp-mesh-registry" ]; then
            OLD_PREFIX=""
        fi
    fi
    for _bin in $_bins; do
        _json="$_json${_json:+,}\"$_bin\""
    done
    fill_receipt '"CARGO_DIST_BINS"' "$_json"
    fill_receipt '"CARGO_DIST_DYLIBS"' ""
    fill_receipt '"CARGO_DIST_STATICLIBS"' ""
    fill_receipt AXO_INSTALL_PREFIX "$(json_text "$_prefix")"
    fill_receipt '"install_layout":"unspecified"' "\"install_layout\":\"$3\""
    if [ "$NO_MODIFY_PATH" = 1 ]; then
        fill_receipt '"modify_path":true' '"modify_path":false'
    fi
    if ! mkdir -p "$RECEIPT_HOME" ||
        ! STAGED_RECEIPT="$(mktemp "$RECEIPT_HOME/.receipt.XXXXXXXXXX")" ||
        ! printf '%s\n' "$RECEIPT" >"$STAGED_RECEIPT"; then
        err "cannot write the receipt into $RECEIPT_HOME. Make the folder writable, set XDG_CONFIG_HOME to another one, or MCP_MESH_DISABLE_UPDATE=1 to go without. Nothing was changed."
    fi
}

# Replaces $1, which is once in the receipt, by $2.
fill_receipt() {
    RECEIPT="${RECEIPT%%"$1"*}$2${RECEIPT#*"$1"}"
}
