# shellcheck shell=dash
# Removes what installers put here.
uninstall() {
    local _receipt="$RECEIPT_HOME/$APP_NAME-receipt.json"
    local _dir="${MCP_MESH_INSTALL_DIR:-${CARGO_DIST_FORCE_INSTALL_DIR:-$UNMANAGED_INSTALL}}"
    local _bins="meshctl mcp-mesh-registry"
    local _bin
    local _prefix=""
    if [ -n "$ONLY" ] || [ -n "$WANTED_VERSION" ]; then
        err "--uninstall removes everything; leave --version, --meshctl-only and --registry-only out"
    fi
    if [ -f "$_receipt" ]; then
        _prefix="$(receipt_text install_prefix "$_receipt")"
        if [ -z "$_prefix" ]; then
            err "$_receipt does not say where $APP_NAME is. Remove that file, and run this with MCP_MESH_INSTALL_DIR set to the folder of meshctl."
        fi
    fi
    if [ -n "$_dir" ] && [ "$_dir" != "$_prefix" ]; then
        # Another installation than the receipt's, which stays.
        _receipt=""
    elif [ -n "$_prefix" ]; then
        _bins="$(receipt_binaries "$_receipt")"
        _dir="$_prefix"
        case "$(receipt_text install_layout "$_receipt")" in
            cargo-home | hierarchical) _dir="$_prefix/bin" ;;
        esac
    else
        err "there is no receipt at $_receipt, so no installation to remove. If $APP_NAME was installed without one, set MCP_MESH_INSTALL_DIR to the folder of meshctl; if by a package manager, remove it with that."
    fi
    for _bin in $_bins; do
        if [ -e "$_dir/$_bin" ] || [ -L "$_dir/$_bin" ]; then
            rm -f "$_dir/$_bin" || err "failed to remove $_dir/$_bin; make $_dir writable and try again"
            say "removed $_dir/$_bin"
        fi
    done
    if [ -n "$_receipt" ]; then
        if [ "$NO_MODIFY_PATH" = 0 ]; then
            leave_profiles
        fi
        rm -f "$_receipt" || err "failed to remove $_receipt; make $RECEIPT_HOME writable and try again"
        # Only when nothing else is in it.
        rmdir "$RECEIPT_HOME" 2>/dev/null || :
    fi
    say "$APP_NAME is uninstalled; agents' state and logs in ~/.mcp-mesh stay"
}

# Removes the lines that an installation added to shell profiles, and the scripts that they read.
leave_profiles() {
    local _script
    local _profile
    _script="$(replace_home "$RECEIPT_HOME/env.sh")"
    for _profile in .profile .bashrc .bash_profile .bash_login .zshrc .zshenv; do
        forget_line "$(print_home_for_script "$_profile")/$_profile" ". \"$_script\""
    done
    rm -f "$RECEIPT_HOME/env.sh" "$RECEIPT_HOME/env.fish" "$INFERRED_HOME/.config/fish/conf.d/$APP_NAME.env.fish"
}

# Removes the line $2 from the file $1, with the empty line that the installer put before it.
forget_line() {
    if [ ! -f "$1" ] || ! grep -F -x "$2" "$1" >/dev/null; then
        return 0
    fi
    LINE="$2" awk '
        $0 == ENVIRON["LINE"] { waiting = 0; next }
        waiting { print "" }
        { waiting = ($0 == "") }
        !waiting { print }
        END { if (waiting) print "" }' "$1" >"$WORK_DIR/profile" ||
        err "failed to rewrite $1; remove the line $2 by hand"
    # Into the file, not over it: it may be a link.
    cat "$WORK_DIR/profile" >"$1" || err "failed to write $1; remove the line $2 by hand"
    say "removed a line from $1"
}
