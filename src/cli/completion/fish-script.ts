/** The script for fish 3 and newer. */
export function fishScript(completeCommand: string): string {
  return `# fish completion for gatewayd
function __gatewayd_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program $words[1]
    set -e words[1]

    set -l kept ""
    set -l value $current
    if string match -q -- '--*=*' $current
        set kept (string replace -r '=.*' '=' -- $current)
        set value (string replace -r '^[^=]*=' '' -- $current)
    end

    for line in ($program ${completeCommand} -- $words "=$current" 2>/dev/null)
        switch $line
            case :file
                for path in (__fish_complete_path $value)
                    echo $kept$path
                end
            case :directory
                for path in (__fish_complete_directories $value)
                    echo $kept$path
                end
            case '*'
                echo $line
        end
    end
end
complete -c gatewayd -e
complete -c gatewayd -f -a '(__gatewayd_complete)'
`;
}
