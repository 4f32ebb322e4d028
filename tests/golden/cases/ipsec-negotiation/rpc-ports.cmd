ipseccmd.exe -w REG -p "RPC" -r "Inbound TCP 49153 Rule" -f *=0:49153:TCP -n ESP[3DES,SHA]
ipseccmd.exe -w REG -p "RPC" -x
