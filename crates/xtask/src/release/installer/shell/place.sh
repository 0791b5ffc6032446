# shellcheck shell=dash
# Puts the binaries $6 of the archive $4 with SHA-256 $5 into the folder $1. The receipt calls it $2 and
# its layout $3. Everything that can fail happens beside what is installed; what replaces it is renaming.
place_binaries() {
    local _install_dir="$1"
    local _archive="$4"
    local _bins="$6"
    local _bin
    local _url="$ARTIFACT_DOWNLOAD_URL/$_archive"
    local _file="$WORK_DIR/$_archive"
    local _unpacked="$WORK_DIR/unpacked"

    open_install_dir "$_install_dir" "$_bins"
    stage_receipt "$_install_dir" "$2" "$3" "$_bins"

    say "downloading $APP_NAME $APP_VERSION from $_url"
    download "$_url" "$_file" || err_download "$_url" "$?"
    verify_checksum "$_file" "$5" "$_url"

    unpack "$_file" "$_unpacked" ||
        err "failed to unpack $_archive into $_unpacked. If the disk is full, free some space or set TMPDIR to another folder. Nothing was changed."
    for _bin in $_bins; do
        if ! cp "$_unpacked/$_bin" "$STAGE_DIR/$_bin" || ! chmod 755 "$STAGE_DIR/$_bin"; then
            err "failed to write $_bin into $_install_dir. If the disk is full, free some space, or set MCP_MESH_INSTALL_DIR to another folder. Nothing was changed."
        fi
    done

    say "installing to $_install_dir"
    swap_binaries "$_install_dir" "$_bins"
    rm -rf "$STAGE_DIR"
    for _bin in $_bins; do
        say "  $_bin"
    done
    if [ -n "$OLD_PREFIX" ]; then
        warn "the installation in $OLD_PREFIX stays, and updates are for $_install_dir from now on; to remove the old one, run this with --uninstall and MCP_MESH_INSTALL_DIR set to its folder"
    fi
}

# Makes the folder $1 and one in it, where the binaries $2 wait.
open_install_dir() {
    local _bin
    if ! mkdir -p "$1" || ! STAGE_DIR="$(mktemp -d "$1/.mcp-mesh.XXXXXXXXXX")"; then
        STAGE_DIR=""
        err "cannot write to the install folder $1. Make it writable, or set MCP_MESH_INSTALL_DIR to a folder that is. Nothing was downloaded or changed."
    fi
    for _bin in $2; do
        if [ -d "$1/$_bin" ]; then
            err "$1/$_bin is a folder. Move it away, or set MCP_MESH_INSTALL_DIR to another folder. Nothing was downloaded or changed."
        fi
    done
}

# Unpacks the archive $1 into the new folder $2.
unpack() {
    mkdir "$2" || return 1
    case "$1" in
        *.zip) unzip -q "$1" -d "$2" ;;
        # Busybox does not see by itself that a small archive is compressed.
        *.gz) tar xzf "$1" --no-same-owner --strip-components 1 -C "$2" ;;
        *) tar xf "$1" --no-same-owner --strip-components 1 -C "$2" ;;
    esac
}

# Renames the staged binaries $2 into the folder $1, and the receipt last: all, or none.
swap_binaries() {
    local _bin
    # For going back, without room on a full disk.
    mkdir "$STAGE_DIR/old" || err "failed to write into $STAGE_DIR; nothing was changed"
    for _bin in $2; do
        if [ -e "$1/$_bin" ]; then
            ln "$1/$_bin" "$STAGE_DIR/old/$_bin" 2>/dev/null ||
                cp -p "$1/$_bin" "$STAGE_DIR/old/$_bin" ||
                err "failed to keep a copy of $1/$_bin. If the disk is full, free some space. Nothing was changed."
        fi
    done
    # Two renamings are not worth an interruption between them.
    trap '' HUP INT TERM PIPE
    for _bin in $2; do
        if ! mv -f "$STAGE_DIR/$_bin" "$1/$_bin"; then
            swap_back "$1" "$2"
            err "failed to replace $1/$_bin; the installation is as it was. Stop what uses it, or make the file replaceable, and try again."
        fi
    done
    if [ -n "$STAGED_RECEIPT" ]; then
        if ! mv -f "$STAGED_RECEIPT" "$RECEIPT_HOME/$APP_NAME-receipt.json"; then
            swap_back "$1" "$2"
            err "failed to replace $RECEIPT_HOME/$APP_NAME-receipt.json; the installation is as it was. Make the file replaceable and try again."
        fi
        STAGED_RECEIPT=""
    fi
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'exit 141' PIPE
}

# Puts the old binaries $2 back into the folder $1.
swap_back() {
    local _bin
    for _bin in $2; do
        if [ -e "$STAGE_DIR/old/$_bin" ]; then
            mv -f "$STAGE_DIR/old/$_bin" "$1/$_bin"
        elif [ ! -e "$STAGE_DIR/$_bin" ]; then
            rm -f "$1/$_bin"
        fi
    done
}
