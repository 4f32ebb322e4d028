@echo off
rem RPC services of this server are given port 49153; only 10.77.0.0/28 may reach it.
rpccfg.exe -pe 49153 -d 0
ipseccmd.exe -w REG -p "RPC" -r "Block Inbound TCP 49153 Rule" -f *=0:49153:TCP -n BLOCK
ipseccmd.exe -w REG -p "RPC" -r "Allow Inbound TCP 49153 Rule" -f 10.77.0.0/255.255.255.240=0:49153:TCP -n PASS
ipseccmd.exe -w REG -p "RPC" -x
