@'
rpc filter
add rule um block
add condition opnum equal 3
add filter
'@ | netsh
$p = "a"
New-ItemProperty -Path "$p" -Name x -Value 1
