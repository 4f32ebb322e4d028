# The captures: cap FILE COMMAND...   Sourced by make-captures.sh.

scenarios() {
local sc="$PY $HERE/samba_client.py" ic="$PY $HERE/impacket_client.py" raw="$PY $HERE/raw_client.py"
local run="$PY $HERE/impacket_run.py" imp="$IMPACKET" dcname=dc1.$DNSDOM v6name=dc1v6.$DNSDOM
local tcp="ncacn_ip_tcp:$DC1" np="ncacn_np:$DC1"
local admin="-U 'Administrator%$ADMINPW' -W $DOMAIN" acct="$DOMAIN/Administrator:'$ADMINPW'@$DC1"
local torture="smbtorture -U 'Administrator%$ADMINPW' -W $DOMAIN --target=samba4 --workgroup=$DOMAIN --realm=$REALM"
local tgt="printf '%s\n' '$ADMINPW' | kinit Administrator@$REALM >/dev/null"

demo demo-domain-controller.pcapng

# --- DCSync: DRSGetNCChanges with every kind of authentication and level
local l n
for l in connect:connect integrity:sign privacy:seal; do
  n=${l%:*}; l=${l#*:}
  cap dcsync-ntlm-$n.pcap     "$sc '$tcp[$l,ntlm]' dcsync"
  cap dcsync-kerberos-$n.pcap "$sc 'ncacn_ip_tcp:$dcname[$l,krb5]' dcsync --kerberos"
  cap dcsync-spnego-$n.pcap   "$sc '$tcp[$l,spnego]' dcsync"
done
cap dcsync-spnego-kerberos-privacy.pcap "$sc 'ncacn_ip_tcp:$dcname[seal,spnego]' dcsync --kerberos"
cap dcsync-secretsdump.pcap "$run $imp/secretsdump.py -just-dc-user $DOMAIN/krbtgt $acct"
cap dcsync-big-endian.pcap "$sc '$tcp[seal,ntlm,bigendian]' dcsync"
cap dcsync-ipv6.pcap "$sc 'ncacn_ip_tcp:$v6name[seal,ntlm]' dcsync"

# --- the endpoint mapper, anonymous
cap epmapper-anonymous-ipv4.pcap "$PY $imp/rpcdump.py $DC1" "rpcclient '$tcp[135]' -N -c 'epmlookup;epmmap'" "$ic epm"
cap epmapper-anonymous-ipv6.pcapng "$PY $imp/rpcdump.py -target-ip $DC1V6 $v6name" "rpcclient 'ncacn_ip_tcp:$v6name[135]' -N -c 'epmlookup;epmmap'"
cap epmapper-nmap.pcap.gz "nmap -Pn -n -sT -p135,445 --script msrpc-enum $DC1"

# --- shapes of connections and calls, over TCP
cap tcp-authentication-levels.pcap "$sc '$tcp[]' samr --anonymous" "$sc '$tcp[connect,ntlm]' samr,dns,mgmt" "$sc '$tcp[packet,ntlm]' samr,dns" "$sc '$tcp[sign,ntlm]' samr,dns,drs" "$sc '$tcp[seal,ntlm]' samr,dns,drs,netlogon,wkssvc"
cap tcp-big-endian.pcap "$sc '$tcp[bigendian]' netlogon,mgmt,samr --anonymous" "$sc '$tcp[bigendian,connect]' samr,dns" "$sc '$tcp[bigendian,sign]' samr,dns" "$sc '$tcp[bigendian,seal]' samr,drs"
cap tcp-ndr64-offered.pcap "$raw windows" "$sc '$tcp[ndr64]' mgmt --anonymous"
cap tcp-alter-context.pcap "$ic alter" "$sc '$tcp[seal]' contexts" "$sc '$tcp[49152,sign]' contexts"
cap tcp-alter-context-torture.pcap "timeout 12 $torture '$tcp[sign]' rpc.altercontext" "timeout 12 $torture '$tcp[seal,bigendian]' rpc.altercontext"
cap tcp-many-contexts.pcap "$ic manycontexts" "$sc '$tcp[49153,seal]' contexts"
cap tcp-request-fragments.pcap "$ic samr,netlogon --frag 16" "$ic drs,samr --level 6 --frag 32" "$ic drs --level 5 --frag 8" "$raw shift"
cap tcp-response-fragments.pcap "$sc '$tcp[connect]' bigsamr" "$sc '$tcp[seal]' bigsamr" "$sc '$tcp[sign,bigendian]' bigsamr"
cap tcp-faults.pcap "$ic oprange,badstub" "$ic oprange --level 6" "$ic lsa,drs --level 1" "$sc '$tcp[sign]' drs" "$sc '$tcp[seal]' samr,dns --user alice --password '$USERPW'"
cap tcp-bind-refused.pcap "$raw nak" "$ic unknown" "$ic unknown --level 6" "rpcclient '$tcp[sign,ntlm]' -U 'alice%wrong' -W $DOMAIN -c enumdomusers" "rpcclient '$tcp[seal,spnego]' -U 'alice%wrong' -W $DOMAIN -c enumdomusers"
cap tcp-object-uuid.pcap "$ic object" "$ic object --level 6"
cap tcp-ipv6.pcap "$sc 'ncacn_ip_tcp:$v6name[seal]' samr,drs,dns" "$sc 'ncacn_ip_tcp:$v6name[sign]' samr,netlogon"
cap tcp-kerberos.pcap.zst "$tgt; rpcclient 'ncacn_ip_tcp:$dcname[seal,krb5]' --use-kerberos=required --use-krb5-ccache=\$KRB5CCNAME -c 'querydominfo;enumdomgroups'" "$sc 'ncacn_ip_tcp:$dcname[sign,krb5]' samr,netlogon --kerberos" "$sc 'ncacn_ip_tcp:$dcname[seal,spnego]' drs,dns --kerberos"
cap tcp-dns-administration.pcap "samba-tool dns zonelist $DC1 $admin" "samba-tool dns add $DC1 $DNSDOM labhost A 10.77.0.99 $admin" "samba-tool dns delete $DC1 $DNSDOM labhost A 10.77.0.99 $admin"
FROM=ws22 cap tcp-secure-channel.pcap "winbindd -F --no-process-group >/dev/null 2>&1 & w=\$!; sleep 3; wbinfo -t; wbinfo -a '$DOMAIN\\bob%$USERPW'; wbinfo -a '$DOMAIN\\bob%wrong'; wbinfo -n '$DOMAIN\\alice'; kill \$w; wait \$w"
# Samba's own protocol tests, but the ones that fill a connection with thousands of contexts
local some="import sys, unittest; from samba.tests.dcerpc import raw_protocol as m
s = unittest.TestSuite(t for g in unittest.TestLoader().loadTestsFromModule(m) for t in g if 'limit' not in t.id())
unittest.TextTestRunner(verbosity=2).run(s)"
LIMIT=120 cap tcp-protocol-tests.pcap.zst "env SERVER=$DC1 TARGET_HOSTNAME=$dcname DOMAIN=$DOMAIN REALM=$REALM USERNAME=Administrator PASSWORD='$ADMINPW' IGNORE_RANDOM_PAD=1 $PY -c \"$some\""

# --- named pipes
local d o
for d in NT1:smb1 SMB2_02:smb202 SMB2_10:smb210 SMB3_00:smb300 SMB3_11:smb311; do
  n=${d#*:}; d=${d%:*}
  o="--option=clientminprotocol=$d --option=clientmaxprotocol=$d --option=clientipcminprotocol=$d --option=clientipcmaxprotocol=$d"
  cap pipe-$n.pcap "rpcclient $DC1 $o $admin -c 'srvinfo;netshareenum;lookupnames alice;lsaquery;querydominfo'" "rpcclient $DC1 $o -N -U % -c 'srvinfo;lsaquery;netshareenum'" "rpcclient '$np[seal]' $o $admin -c 'lsaquery;querydominfo'" "rpcclient '$np[sign,spnego]' $o $admin -c 'querydominfo'"
done
o='--option=clientipcmaxprotocol=NT1 --option=clientmaxprotocol=NT1'
cap pipe-port-139.pcap "rpcclient dc1 -I $DC1 -p 139 $admin -c 'srvinfo;lsaquery;querydominfo'" "rpcclient dc1 -I $DC1 -p 139 $o $admin -c 'srvinfo;lsaquery;querydominfo'"
cap pipe-epmapper.pcap "rpcclient '$np[\\pipe\\epmapper]' -N -U % -c 'epmlookup;epmmap'" "rpcclient '$np[\\pipe\\epmapper]' $o $admin -c epmmap" "rpcclient '$np[\\pipe\\epmapper,sign]' $admin -c epmmap" "rpcclient '$np[\\pipe\\epmapper,seal]' $admin -c epmmap" "$ic epm,epmuse --np" "$ic epmuse --np --anonymous" "rpcclient 'ncacn_np:$v6name[\\pipe\\epmapper]' -N -U % -c epmmap" "rpcclient 'ncacn_np:$v6name[\\pipe\\epmapper]' $admin -c epmmap" "$run --dialect 210 $imp/rpcdump.py -port 445 -target-ip $DC1V6 $DOMAIN/Administrator:'$ADMINPW'@$v6name"
cap pipe-encrypted.pcap "rpcclient $DC1 --client-protection=encrypt $admin -c 'srvinfo;lsaquery;querydominfo'"
cap pipe-unsigned.pcap "rpcclient $DC1 --option=clientipcsigning=off --client-protection=off $admin -c 'srvinfo;lsaquery'"
cap pipe-kerberos.pcap "$tgt; rpcclient $dcname --use-kerberos=required --use-krb5-ccache=\$KRB5CCNAME -c 'srvinfo;lsaquery;querydominfo'"
cap pipe-ipv6.pcap "rpcclient $v6name $admin -c 'srvinfo;lsaquery;querydominfo'"
cap pipe-two-and-a-file.pcap "$ic pipes --np" "$ic pipes --np --dialect SMB1" "$ic pipes --np --port 139"
cap pipe-fragments.pcap "$ic lsa:60 --np --frag 24" "$ic samr,lsa --np --dialect SMB1 --frag 32" "$sc '$np[smb2]' bigsamr" "$sc '$np[smb1]' bigsamr"
cap pipe-big-endian.pcap "$sc '$np[smb2,bigendian]' lsa,srvsvc" "$sc '$np[smb1,bigendian,seal]' lsa"
cap pipe-service-registry-task.pcap "$ic service,registry,task --np" "$sc '$np[smb2]' svcctl,winreg"
cap pipe-coercion.pcap "$ic coerce --np" "$ic coerce --np --dialect SMB1" "$ic coerce --np --level 6"
cap pipe-accounts.pcap "$run --dialect 210 $imp/addcomputer.py -method SAMR -computer-name 'LABPC\$' -computer-pass 'Lab-Computer!1' -dc-ip $DC1 $DNSDOM/Administrator:'$ADMINPW'" "$run --dialect 210 $imp/addcomputer.py -method SAMR -delete -computer-name 'LABPC\$' -dc-ip $DC1 $DNSDOM/Administrator:'$ADMINPW'" "$run --dialect 210 $imp/lookupsid.py $acct 520"
cap pipe-dcsync-smb210.pcap "$sc '$np[smb2,seal]' dcsync"
}
