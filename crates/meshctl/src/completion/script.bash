# Completions of meshctl for bash: source <(meshctl completion bash)

_meshctl() {
    local words=() word glued="" i current typed reply
    # Bash splits words at `:` and `=`; agent:tool and --flag=value are one word each.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word="${COMP_WORDS[i]}"
        if ((i > 0)) && { [[ $glued ]] || [[ $word =~ ^[:=]+$ ]]; }; then
            words[${#words[@]} - 1]+="$word"
        else
            words+=("$word")
        fi
        if [[ $word =~ ^[:=]+$ ]]; then glued=1; else glued=""; fi
    done
    current="${words[${#words[@]} - 1]}"
    # Only what follows the last of them is replaced.
    typed="${current%"${current##*[:=]}"}"
    COMPREPLY=()
    while IFS=$'\t' read -r reply _; do
        COMPREPLY+=("${reply#"$typed"}")
    done < <(meshctl __complete "${words[@]:1}" 2>/dev/null)
}

# Where nothing is known, files are offered.
complete -o default -F _meshctl meshctl
