# shellcheck shell=dash
                # The empty line is for a file whose last line has no end.
                if ! { printf '\n%s\n' "$_line" >>"$_target"; } 2>/dev/null; then
                    warn_unwritable "$_target" "add this line to it yourself: $_line"
                    return 0
                fi
                return 1
