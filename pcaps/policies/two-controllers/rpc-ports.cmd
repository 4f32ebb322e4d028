@echo off
rem dc1: RPC services get three ports of their own; other programs take theirs above.
rem Only the domain controllers, ws21, ws22 and adm30 may reach them and the endpoint mapper.
netsh int ipv4 set dynamicport tcp start=50000 num=15536
rpccfg.exe -pe 49152-49154 -d 0

ipseccmd.exe -w REG -p "RPC on dc1" -r "Block Inbound TCP 135 Rule" -f *=0:135:TCP -n BLOCK
ipseccmd.exe -w REG -p "RPC on dc1" -r "Block Inbound TCP 49152 Rule" -f *=0:49152:TCP -n BLOCK
ipseccmd.exe -w REG -p "RPC on dc1" -r "Block Inbound TCP 49153 Rule" -f *=0:49153:TCP -n BLOCK
ipseccmd.exe -w REG -p "RPC on dc1" -r "Block Inbound TCP 49154 Rule" -f *=0:49154:TCP -n BLOCK

ipseccmd.exe -w REG -p "RPC on dc1" -r "Allow Inbound TCP 135 Rule" -f 10.77.0.0/255.255.255.240=0:135:TCP 10.77.0.21=0:135:TCP 10.77.0.22=0:135:TCP 10.77.0.30=0:135:TCP -n PASS
ipseccmd.exe -w REG -p "RPC on dc1" -r "Allow Inbound TCP 49152 Rule" -f 10.77.0.0/255.255.255.240=0:49152:TCP 10.77.0.21=0:49152:TCP 10.77.0.22=0:49152:TCP 10.77.0.30=0:49152:TCP -n PASS
ipseccmd.exe -w REG -p "RPC on dc1" -r "Allow Inbound TCP 49153 Rule" -f 10.77.0.0/255.255.255.240=0:49153:TCP 10.77.0.21=0:49153:TCP 10.77.0.22=0:49153:TCP 10.77.0.30=0:49153:TCP -n PASS
ipseccmd.exe -w REG -p "RPC on dc1" -r "Allow Inbound TCP 49154 Rule" -f 10.77.0.0/255.255.255.240=0:49154:TCP 10.77.0.21=0:49154:TCP 10.77.0.22=0:49154:TCP 10.77.0.30=0:49154:TCP -n PASS

ipseccmd.exe -w REG -p "RPC on dc1" -x
