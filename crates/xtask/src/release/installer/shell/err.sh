# shellcheck shell=dash
# Prints why, even when told to be quiet, and ends.
err() {
    complain ERROR 1 "$1"
    exit 1
}

# Prints what is not as it should be, even when told to be quiet.
warn() {
    complain WARN 3 "$1"
}

# The word $1 in the colour $2, where somebody sees it, and the text $3.
complain() {
    local _start=""
    local _end=""
    if [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then
        _start="$(tput setaf "$2" 2>/dev/null || :)"
        _end="$(tput sgr0 2>/dev/null || :)"
    fi
    printf '%s\n' "$_start$1$_end: $3" >&2
}
