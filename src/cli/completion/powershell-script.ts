/** The script for Windows PowerShell 5 and PowerShell 7. */
export function powershellScript(completeCommand: string): string {
  return `# PowerShell completion for gatewayd
Register-ArgumentCompleter -Native -CommandName 'gatewayd' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $elements = @($commandAst.CommandElements | Where-Object { $_.Extent.StartOffset -lt $cursorPosition })
    $program = $elements[0].Extent.Text.Trim('"', "'")
    $words = @($elements | Select-Object -Skip 1 | ForEach-Object { $_.Extent.Text.Trim('"', "'") })
    $current = ''
    if ($words.Count -gt 0 -and $elements[-1].Extent.EndOffset -ge $cursorPosition) {
        $last = $elements[-1]
        $current = $last.Extent.Text.Substring(0, $cursorPosition - $last.Extent.StartOffset).Trim('"', "'")
        $words = @($words | Select-Object -SkipLast 1)
    }

    $lines = @(& $program ${completeCommand} '--' @words "=$current" 2>$null)
    # Without a result PowerShell completes paths by itself.
    if ($lines.Count -eq 1 -and $lines[0] -in ':file', ':directory') { return }
    if ($lines.Count -eq 0) { return '' }
    foreach ($line in $lines) {
        $text, $description = $line -split "\`t", 2
        if (-not $description) { $description = $text }
        [System.Management.Automation.CompletionResult]::new($text, $text, 'ParameterValue', $description)
    }
}
`;
}
