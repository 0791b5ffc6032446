# shellcheck shell=dash
has_local() {
    # shellcheck disable=SC2034  # deliberately unused
    local _has_local
}

# Zsh ends a trap with the function that sets it, and does not split words.
[ -z "${ZSH_VERSION:-}" ] || emulate sh

has_local 2>/dev/null || alias local=typeset
