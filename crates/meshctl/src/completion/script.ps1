# Completions of meshctl for PowerShell: meshctl completion powershell | Out-String | Invoke-Expression

Register-ArgumentCompleter -Native -CommandName meshctl -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    # Each word has a character in front, for PowerShell drops those that are empty.
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.StartOffset -lt $cursorPosition } |
        ForEach-Object { "+$_" })
    if ($wordToComplete -eq '') { $words += '+' }
    meshctl __complete --prefixed @words 2>$null | ForEach-Object {
        $value, $description = $_ -split "`t", 2
        if (-not $description) { $description = $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $description)
    }
}
