# shellcheck shell=dash
# Whether this system's glibc is at least $1.$2; says so when it is not, for another build is taken then.
check_glibc() {
    local _local_glibc
    # The first line ends in the version: ldd (Ubuntu GLIBC 2.35-0ubuntu3.1) 2.35
    _local_glibc="$(ldd --version 2>/dev/null | awk 'NR == 1 { print $NF }')"
    if printf '%s\n' "$_local_glibc" | awk -F. -v major="$1" -v minor="$2" \
        '{ exit !($1 + 0 > major + 0 || $1 + 0 == major + 0 && $2 + 0 >= minor + 0) }'; then
        return 0
    fi
    say "the glibc here (${_local_glibc:-unknown}) is older than $1.$2: taking the static build, which needs none" >&2
    return 1
}
