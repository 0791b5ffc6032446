# shellcheck shell=dash
# Makes the folder for downloads, which goes however this ends.
open_work_dir() {
    WORK_DIR=""
    STAGE_DIR=""
    STAGED_RECEIPT=""
    trap clean_up EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'exit 141' PIPE
    WORK_DIR="$(mktemp -d)" ||
        err "cannot create a temporary folder in ${TMPDIR:-/tmp}; set TMPDIR to a folder you can write"
}

clean_up() {
    [ -z "$WORK_DIR" ] || rm -rf "$WORK_DIR"
    [ -z "$STAGE_DIR" ] || rm -rf "$STAGE_DIR"
    [ -z "$STAGED_RECEIPT" ] || rm -f "$STAGED_RECEIPT"
}
