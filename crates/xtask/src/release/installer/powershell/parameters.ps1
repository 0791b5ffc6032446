.PARAMETER Version
Install another release: 4.1.2 or 4.1.2-rc.1 exactly; 4 or 4.1 is the newest stable one of that line

.PARAMETER MeshctlOnly
Install meshctl alone

.PARAMETER RegistryOnly
Install mcp-mesh-registry alone

.PARAMETER NoModifyPath
Don't add the install directory to PATH

.PARAMETER Uninstall
Remove the binaries, the receipt and the entry in PATH; agents, logs and data stay

.PARAMETER Help
Print help

#>

param (
    [Parameter(HelpMessage = "Install another release")]
    [string]$Version,
    [Parameter(HelpMessage = "Install meshctl alone")]
    [switch]$MeshctlOnly,
    [Parameter(HelpMessage = "Install mcp-mesh-registry alone")]
    [switch]$RegistryOnly,
    [Parameter(HelpMessage = "Don't add the install directory to PATH")]
    [switch]$NoModifyPath,
    [Parameter(HelpMessage = "Remove what was installed")]
    [switch]$Uninstall,
    [Parameter(HelpMessage = "Print Help")]
    [switch]$Help
)
