# shellcheck shell=dash
# The path $1 with $HOME as a variable, for shell profiles.
replace_home() {
    if [ -n "${HOME:-}" ]; then
        case "$1" in
            "$HOME"/*)
                printf '%s\n' "\$HOME${1#"$HOME"}"
                return
                ;;
        esac
    fi
    printf '%s\n' "$1"
}
