rpccfg.exe -pe 5001-5003 -d 0
ipseccmd.exe -w REG -p "RPC" -r "Block Inbound TCP 135 Rule" -f *=0:135:TCP -n BLOCK
ipseccmd.exe -w REG -p "RPC" -r "Block Inbound TCP 5001 Rule" -f *=0:5001:TCP -n BLOCK
ipseccmd.exe -w REG -p "RPC" -r "Block Inbound TCP 5002 Rule" -f *=0:5002:TCP -n BLOCK
ipseccmd.exe -w REG -p "RPC" -r "Allow Inbound TCP 135 Rule" -f 10.77.0.0/255.255.255.0=0:135:TCP -n PASS
ipseccmd.exe -w REG -p "RPC" -r "Allow Inbound TCP 5001 Rule" -f 10.77.0.0/255.255.255.0=0:5001:TCP -n PASS
