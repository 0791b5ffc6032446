# shellcheck shell=dash
# The path $1 between double quotes of a shell profile, with $HOME as a variable.
replace_home() {
    local _start=""
    local _rest="$1"
    if [ -n "${HOME:-}" ]; then
        case "$1" in
            "$HOME"/*)
                # shellcheck disable=SC2016  # the profile's
                _start='$HOME'
                _rest="${1#"$HOME"}"
                ;;
        esac
    fi
    # What a shell would read as more than a character.
    printf '%s%s\n' "$_start" "$(printf '%s\n' "$_rest" | sed 's/[\\"$`]/\\&/g')"
}
