#compdef meshctl
# Completions of meshctl for zsh: source <(meshctl completion zsh)

_meshctl() {
    local -a candidates
    local line value description
    for line in "${(@f)$(meshctl __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        [[ -n "$line" ]] || continue
        value="${line%%$'\t'*}"
        description="${line#*$'\t'}"
        candidates+=("${value//:/\\:}:$description")
    done
    if (( $#candidates )); then
        _describe -t candidates 'meshctl' candidates
    else
        # Where nothing is known, files are offered.
        _files
    fi
}

if [[ "${funcstack[1]}" = "_meshctl" ]]; then
    _meshctl "$@"
elif (( $+functions[compdef] )); then
    compdef _meshctl meshctl
fi
