@echo off
set uuid=c681d488-d850-11d0-8c52-00c04fd90f7e
netsh rpc filter add rule layer=um actiontype=block
netsh rpc filter add condition field=if_uuid matchtype=equal data=%uuid%
netsh rpc filter add filter
for %%u in (1 2) do netsh rpc filter add rule layer=um actiontype=block
netsh < more.txt
type more.txt | netsh
cmd /c "reg add "HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Rpc" /v RestrictRemoteClients /t REG_DWORD /d 2 /f"
