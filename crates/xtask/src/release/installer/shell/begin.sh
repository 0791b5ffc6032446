# shellcheck shell=dash
# Everything before an archive is chosen; ends here when that was all.
begin() {
    local _cmd
    read_arguments "$@"
    for _cmd in awk cat chmod cp grep head ln mkdir mktemp mv rm sed tar tr uname; do
        need_cmd "$_cmd"
    done
    settle_folders
    open_work_dir
    if [ "$UNINSTALL" = 1 ]; then
        uninstall
        exit 0
    fi
    find_downloader
    settle_token
    find_sha256
    follow_wanted_version
}
