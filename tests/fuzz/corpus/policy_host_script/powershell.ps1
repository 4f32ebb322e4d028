#requires -RunAsAdministrator
<#
.SYNOPSIS netsh rpc filter add rule layer=um
#>
param([string]$Mode = 'block')
Import-Module DSInternals.RpcFilters
New-RpcFilter `
    -Name 'EFSR-Block-Unencrypted' `
    -Description 'Block it; really' `
    -WellKnownProtocol EncryptingFileSystem `
    -AuthenticationLevel PacketPrivacy `
    -AuthenticationLevelMatchType LessThan `
    -Action Block `
    -Persistent `
    -Audit   # trailing
New-RpcFilter -Name 'DCSync-Allow-DC01' -WellKnownOperation IDL_DRSGetNCChanges -IPAddress 10.0.0.1 -Action Permit -Persistent
foreach ($u in $uuids) { netsh rpc filter add condition field=if_uuid matchtype=equal data=$u }
Invoke-Command -ComputerName DC1 -ScriptBlock { netsh rpc filter delete filter filterkey=all }
$null = netsh -f C:\rules.txt
[Microsoft.Win32.Registry]::SetValue("HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Windows NT\Rpc","RestrictRemoteClients",1)
