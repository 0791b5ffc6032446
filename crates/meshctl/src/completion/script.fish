# Completions of meshctl for fish: meshctl completion fish | source

function __meshctl_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    meshctl __complete $words[2..-1] "$current" 2>/dev/null
end

function __meshctl_knows
    test (count (__meshctl_complete)) -gt 0
end

# Where nothing is known, files are offered.
complete -c meshctl -n __meshctl_knows -f -a '(__meshctl_complete)'
