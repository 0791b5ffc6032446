# shellcheck shell=dash
# Says once for each file $1 that it cannot be written, and what to do: $2. The binaries are in place.
warn_unwritable() {
    case "${UNWRITABLE:-}" in
        *":$1:"*) ;;
        *)
            UNWRITABLE="${UNWRITABLE:-}:$1:"
            warn "cannot write $1; $2"
            ;;
    esac
}
