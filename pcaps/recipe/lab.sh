# The lab: two Samba domain controllers and a few clients, each in a network
# namespace of its own, joined by one bridge.  Sourced by make-captures.sh.
#
#   dc1   10.77.0.1   fd00:77::1    domain controller, the one captured for the demo
#   dc2   10.77.0.2   (IPv4 only)   second domain controller, replicates with dc1
#   ws21  10.77.0.21  fd00:77::21   workstation; the client of the single captures
#   ws22  10.77.0.22  fd00:77::22   workstation, joined to the domain (winbindd)
#   ws23  10.77.0.23  fd00:77::23   workstation; the one that turns out hostile
#   adm30 10.77.0.30  fd00:77::30   administrators' machine
#
# No namespace has a way out: the bridge has no uplink and there is no route.

REALM=CORP.EXAMPLE DOMAIN=CORP DNSDOM=corp.example
ADMINPW='Lab-Admin!1' USERPW='Lab-User!1'
HOSTS='dc1:1 dc2:2 ws21:21 ws22:22 ws23:23 adm30:30'
DC1=10.77.0.1 DC1V6=fd00:77::1 DC2=10.77.0.2
IMPACKET=${IMPACKET:-/usr/share/doc/python3-impacket/examples}
PY=/usr/bin/python3
NS=rpclab-
export REALM DOMAIN DNSDOM ADMINPW USERPW DC1 DC1V6 DC2 IMPACKET PY LAB HERE

say() { echo "[$(date +%T)] $*" >&2; }

network_up() {
  local h n
  ip netns add ${NS}lan 2>/dev/null || return 0   # already up
  ip -n ${NS}lan link add br0 type bridge
  ip -n ${NS}lan link set br0 up
  for h in $HOSTS; do
    n=${h#*:}; h=${h%:*}
    ip netns add $NS$h
    ip -n ${NS}lan link add port$n type veth peer name eth0 netns $NS$h
    ip -n ${NS}lan link set port$n master br0 up
    # no offloads: the captures are to hold frames as a wire would
    ip netns exec ${NS}lan ethtool -K port$n tso off gso off gro off tx off >/dev/null 2>&1
    ip netns exec $NS$h ethtool -K eth0 tso off gso off gro off tx off >/dev/null 2>&1
    ip -n $NS$h link set lo up
    ip -n $NS$h addr add 10.77.0.$n/24 dev eth0
    [ $h = dc2 ] || ip -n $NS$h addr add fd00:77::$n/64 dev eth0 nodad
    ip -n $NS$h link set eth0 up
  done
}

network_down() {
  local h
  for h in $HOSTS lan:; do ip netns del $NS${h%:*} 2>/dev/null; done
}

# on HOST COMMAND...: run in that host's namespaces, with the lab's resolver and
# host table, and a /run/samba of its own.
on() {
  local h=$1; shift
  SMB_CONF_PATH=$LAB/$h/smb.conf KRB5_CONFIG=$LAB/krb5.conf KRB5CCNAME=$LAB/$h/ccache \
  HOME=$LAB/$h/tmp TMPDIR=$LAB/$h/tmp \
  ip netns exec $NS$h sh -c '
    mount --bind "$LAB/resolv.conf" /etc/resolv.conf
    mount --bind "$LAB/hosts" /etc/hosts
    mkdir -p /run/samba; mount --bind "'$LAB/$h/run'" /run/samba
    cd "$TMPDIR"; exec "$@"' sh "$@"
}

write_config() {
  local h n
  mkdir -p $LAB/log $LAB/share
  chmod 755 $LAB; chmod 777 $LAB/share
  printf 'nameserver %s\nsearch %s\noptions timeout:1 attempts:1\n' $DC1 $DNSDOM > $LAB/resolv.conf
  echo '127.0.0.1 localhost' > $LAB/hosts
  for h in $HOSTS; do
    n=${h#*:}; h=${h%:*}
    printf '10.77.0.%s %s.%s %s\n' $n $h $DNSDOM $h >> $LAB/hosts
    mkdir -p $LAB/$h/{tmp,private,lock,state,cache,ncalrpc,run/winbindd,run/ncalrpc}
    chmod 755 $LAB/$h $LAB/$h/run $LAB/$h/run/*
    case $h in dc*) dc_conf $h $n;; *) client_conf $h $n;; esac > $LAB/$h/smb.conf
  done
  printf '%s dc1v6.%s\n' $DC1V6 $DNSDOM >> $LAB/hosts
  cat > $LAB/krb5.conf <<K
[libdefaults]
 default_realm = $REALM
 dns_lookup_kdc = false
 dns_lookup_realm = false
 rdns = false
 dns_canonicalize_hostname = false
[realms]
 $REALM = {
  kdc = $DC1
 }
[domain_realm]
 .$DNSDOM = $REALM
K
  [ -e $LAB/share/minutes.txt ] || seq -f 'line %g of the minutes of the meeting' 600 > $LAB/share/minutes.txt
  [ -e $LAB/share/picture.bin ] || head -c 30000 /dev/urandom > $LAB/share/picture.bin
}

common_conf() { # host number
  local v6=" fd00:77::$2/64"; [ $1 = dc2 ] && v6=
  cat <<C
[global]
 netbios name = ${1^^}
 workgroup = $DOMAIN
 realm = $REALM
 interfaces = 10.77.0.$2/24$v6
 private dir = $LAB/$1/private
 lock directory = $LAB/$1/lock
 state directory = $LAB/$1/state
 cache directory = $LAB/$1/cache
 pid directory = $LAB/$1/run
 ncalrpc dir = $LAB/$1/run/ncalrpc
 usershare path =
 log file = $LAB/log/$1.%m.log
 logging = file
 load printers = no
 printing = bsd
 printcap name = /dev/null

C
}

# The controllers are open on purpose (SMB1, weak levels): the captures are to
# hold what a hardened server would no longer speak.
dc_conf() { common_conf $1 $2; cat <<C
 server role = active directory domain controller
 bind interfaces only = yes
 smb ports = 445 139
 server min protocol = NT1
 ntlm auth = ntlmv1-permitted
 allow dcerpc auth level connect = yes
 allow dcerpc auth level connect:samr = yes
 server schannel = auto
 ldap server require strong auth = no
 restrict anonymous = 0
 server services = s3fs, rpc, ldap, cldap, kdc, drepl, winbindd, kcc, dns
 dcerpc endpoint servers = epmapper, wkssvc, samr, netlogon, lsarpc, drsuapi, dssetup, unixinfo, browser, eventlog6, backupkey, dnsserver
 binddns dir = $LAB/$1/bind-dns
 ntp signd socket directory = $LAB/$1/run/ntp
[sysvol]
 path = $LAB/$1/state/sysvol
 read only = no
[netlogon]
 path = $LAB/$1/state/sysvol/$DNSDOM/scripts
 read only = no
[projects]
 path = $LAB/share
 read only = no
 force user = root
C
}

client_conf() { common_conf $1 $2; cat <<C
 security = ads
 idmap config * : range = 100000-200000
 client min protocol = NT1
 client ipc min protocol = NT1
 client use kerberos = off
 name resolve order = host
 winbind use default domain = no
C
}

provision() {
  [ -e $LAB/dc1/.ready ] && return 0
  say "provisioning dc1"
  nice samba-tool domain provision --realm=$REALM --domain=$DOMAIN --server-role=dc \
    --dns-backend=SAMBA_INTERNAL --adminpass="$ADMINPW" --host-name=dc1 --host-ip=$DC1 \
    --host-ip6=$DC1V6 --targetdir=$LAB/dc1 > $LAB/log/provision.log 2>&1 || { tail $LAB/log/provision.log; return 1; }
  dc_conf dc1 1 > $LAB/dc1/smb.conf              # provision writes its own
  say "adding users"
  $PY $HERE/add_users.py $LAB/dc1/smb.conf $LAB/dc1/private/sam.ldb "$USERPW" > $LAB/log/users.log 2>&1 || return 1
  touch $LAB/dc1/.ready
}

start_dc() { # host: start samba, wait until it answers
  local h=$1 i
  [ -s $LAB/$h/samba.pid ] && kill -0 $(cat $LAB/$h/samba.pid) 2>/dev/null && return 0
  mkdir -p $LAB/$h/run/ntp; rm -f $LAB/$h/run/*.pid
  [ $h = dc1 ] && [ ! -e $LAB/dc1/.spn ] && { on dc1 samba_spnupdate -s $LAB/dc1/smb.conf > $LAB/log/spn.log 2>&1; touch $LAB/dc1/.spn; }
  on $h setsid nice samba -F --no-process-group -s $LAB/$h/smb.conf > $LAB/log/$h.out 2>&1 &
  echo $! > $LAB/$h/samba.pid
  for i in $(seq 80); do
    on ws21 $PY -c "import socket
for p in 135,445,88,389: socket.create_connection(('$h',p),1)" 2>/dev/null && { sleep 3; say "$h is up"; return 0; }
    sleep 0.5
  done
  say "$h did not start, see $LAB/log"; return 1
}

join_members() { # the second controller and one workstation, once
  [ -e $LAB/dc2/.joined ] || {
    say "joining dc2"
    on dc2 nice samba-tool domain join $DNSDOM DC --server=dc1.$DNSDOM -U Administrator --password="$ADMINPW" \
      --dns-backend=SAMBA_INTERNAL --targetdir=$LAB/dc2 --option="netbios name=DC2" \
      --option="interfaces=$DC2/24" --option="bind interfaces only=yes" > $LAB/log/join-dc2.log 2>&1 || { tail -5 $LAB/log/join-dc2.log; return 1; }
    dc_conf dc2 2 > $LAB/dc2/smb.conf; touch $LAB/dc2/.joined
  }
  [ -e $LAB/ws22/.joined ] || {
    say "joining ws22"
    on ws22 net ads join -S dc1.$DNSDOM -U "Administrator@$REALM%$ADMINPW" --no-dns-updates > $LAB/log/join-ws22.log 2>&1 &&
      touch $LAB/ws22/.joined || { tail -5 $LAB/log/join-ws22.log; return 1; }
  }
}

stop_host() { # what still runs in a host's namespace, each process by its own id
  local p sig
  for sig in TERM KILL; do
    for p in $(ip netns pids $NS$1 2>/dev/null); do kill -$sig $p 2>/dev/null; done
    sleep 2
  done
  rm -f $LAB/$1/samba.pid
}

lab_up() {
  mkdir -p $LAB && network_up && write_config && provision && start_dc dc1 && join_members
}

lab_down() {
  local h
  for h in $HOSTS; do stop_host ${h%:*}; done
}
