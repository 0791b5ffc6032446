# shellcheck shell=dash
# Prints why, even when told to be quiet, and ends.
err() {
    local red
    local reset
    red=$(tput setaf 1 2>/dev/null || echo '')
    reset=$(tput sgr0 2>/dev/null || echo '')
    printf '%s\n' "${red}ERROR${reset}: $1" >&2
    exit 1
}
