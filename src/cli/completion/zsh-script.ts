/** The script for zsh: to be sourced, or to be a file in fpath. */
export function zshScript(completeCommand: string): string {
  return `#compdef gatewayd
# zsh completion for gatewayd
_gatewayd() {
    local line
    local -a candidates
    for line in "\${(@f)$("\${(Q)\${~words[1]}}" ${completeCommand} -- "\${(@Q)words[2,CURRENT-1]}" "=\${(Q)words[CURRENT]}" 2>/dev/null)}"; do
        case "$line" in
            :file)
                compset -P '--*='
                _files
                return
                ;;
            :directory)
                compset -P '--*='
                _files -/
                return
                ;;
            *$'\\t'*)
                candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
                ;;
            ?*)
                candidates+=("\${line//:/\\\\:}")
                ;;
        esac
    done
    _describe gatewayd candidates
}

if [[ "\${funcstack[1]}" == _gatewayd ]]; then
    _gatewayd "$@"
else
    compdef _gatewayd gatewayd
fi
`;
}
