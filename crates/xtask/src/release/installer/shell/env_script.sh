# shellcheck shell=dash
        # Ours may be of an installation into another folder; cargo's, in its own home, is left alone.
        if [ ! -f "$_env_script_path" ] || [ "${_env_script_path%/*}" = "$RECEIPT_HOME" ]; then
            say_verbose "writing $_env_script_path"
            if ! { "write_env_script_$_shell" "$_install_dir_expr" "$_env_script_path"; } 2>/dev/null; then
                warn_unwritable "$_env_script_path" "put $_install_dir on your PATH yourself"
                return 0
            fi
        else
            say_verbose "$_env_script_path already exists"
        fi
