/** The script for bash 3.2 and newer. `completeCommand` is the hidden command with its flags. */
export function bashScript(completeCommand: string): string {
  return `# bash completion for gatewayd
__gatewayd_complete() {
    COMPREPLY=()
    local program="\${COMP_WORDS[0]/#\\~/$HOME}"
    local -a words=() candidates=() descriptions=()
    local index word previous="" current candidate description width=0

    # Bash splits words at "=": put "--flag", "=" and "value" together again.
    for ((index = 1; index <= COMP_CWORD; index++)); do
        word="\${COMP_WORDS[index]}"
        if ((\${#words[@]} > 0)) && [[ $word == "=" || $previous == "=" ]]; then
            words[\${#words[@]} - 1]+="$word"
        else
            words+=("$word")
        fi
        previous="$word"
    done
    current="\${words[\${#words[@]} - 1]}"
    unset "words[\${#words[@]} - 1]"

    # What bash replaces is only the part after the "=".
    local kept="" value="$current"
    if [[ $current == --*=* ]]; then
        value="\${current#*=}"
        [[ $COMP_WORDBREAKS == *=* ]] && kept="\${current%%=*}="
    fi

    while IFS=$'\\t' read -r candidate description; do
        case "$candidate" in
            :file | :directory)
                local action=-f
                [[ $candidate == :directory ]] && action=-d
                compopt -o filenames 2>/dev/null
                while IFS= read -r candidate; do
                    COMPREPLY+=("$candidate")
                done < <(compgen "$action" -- "$value")
                return
                ;;
            *)
                candidate="\${candidate#"$kept"}"
                candidates+=("$candidate")
                descriptions+=("$description")
                ((\${#candidate} > width)) && width=\${#candidate}
                ;;
        esac
    done < <("$program" ${completeCommand} -- "\${words[@]}" "=$current" 2>/dev/null)

    # Descriptions only where bash lists (? ! @) several candidates, never in what it inserts.
    for ((index = 0; index < \${#candidates[@]}; index++)); do
        candidate="\${candidates[index]}"
        description="\${descriptions[index]}"
        case "\${COMP_TYPE:-9}" in
            63 | 33 | 64)
                if ((\${#candidates[@]} > 1)) && [[ -n $description ]]; then
                    printf -v candidate "%-\${width}s   (%s)" "$candidate" "$description"
                fi
                ;;
        esac
        COMPREPLY+=("$candidate")
    done
}
complete -F __gatewayd_complete gatewayd
`;
}
