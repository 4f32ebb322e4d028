#!/bin/bash
# Make the captures of this folder anew, from real servers and clients.
#
#   make-captures.sh all            set up, make every capture, take the lab down
#   make-captures.sh up             set the lab up (half a minute the first time)
#   make-captures.sh run REGEX      make the captures whose name matches
#   make-captures.sh list           names of the captures
#   make-captures.sh on HOST CMD..  run a command on a host of the lab
#   make-captures.sh down           stop the servers and remove the namespaces
#
# Needs root and the Debian packages listed in ../README.md.  Everything it writes is
# below $RPCLAB (default rpclab in the temporary directory) and $OUT (default: the
# folder above this one); traffic stays inside the namespaces it makes.
set -u
HERE=$(cd "$(dirname "$0")" && pwd)
LAB=${RPCLAB:-${TMPDIR:-/tmp}/rpclab}
OUT=${OUT:-$(dirname "$HERE")}
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
SELECT=. LIST=

. "$HERE/lab.sh"
. "$HERE/demo.sh"
. "$HERE/scenarios.sh"

FILTER='not arp and not icmp and not icmp6 and not igmp and not udp port 137'
capture_start() { # host file
  rm -f $2
  ip netns exec $NS$1 tcpdump -i eth0 -s 0 -U --immediate-mode -Z root -B 16384 -w $2 "$FILTER" > $LAB/log/tcpdump.log 2>&1 &
  CAPTURE=$!
  local i; for i in $(seq 60); do grep -q 'listening on' $LAB/log/tcpdump.log 2>/dev/null && return; sleep 0.05; done
}
capture_stop() { sleep 0.5; kill -INT $CAPTURE; wait $CAPTURE 2>/dev/null; }

# cap FILE COMMAND...: capture on ws21 (or $FROM) while the commands run there, one
# after another.  The end of the file's name says what becomes of the capture:
# .pcap as it is, .pcapng converted, .zst and .gz compressed.
cap() {
  local file=$1 raw c rc codes= host=${FROM:-ws21}; shift
  [[ $file =~ $SELECT ]] || return 0
  [ -n "$LIST" ] && { echo $file; return 0; }
  raw=$LAB/${file%%.*}.raw
  rm -f $LAB/$host/ccache
  capture_start $host $raw
  : > $LAB/log/${file%%.*}.log
  for c in "$@"; do
    echo "\$ $c" >> $LAB/log/${file%%.*}.log
    on $host timeout -k 2 ${LIMIT:-40} nice bash -c "$c" >> $LAB/log/${file%%.*}.log 2>&1 </dev/null
    rc=$?; codes="$codes $rc"; echo "exit $rc" >> $LAB/log/${file%%.*}.log
  done
  capture_stop
  keep $raw $file
  say "$file: $(stat -c %s $OUT/$file) bytes, exit codes$codes"
}

keep() { # raw file, name to keep it under
  local out=$OUT/$2
  rm -f "$out"
  case $2 in
    *.pcapng) editcap -F pcapng $1 $out;;
    *.pcapng.zst) editcap -F pcapng $1 $LAB/keep.tmp && zstd -q -19 -f $LAB/keep.tmp -o $out;;
    *.zst) zstd -q -19 -f $1 -o $out;;
    *.gz) gzip -9nc $1 > $out;;
    *) cp $1 $out;;
  esac
  rm -f $1 $LAB/keep.tmp; chmod 644 $out
}

case ${1:-} in
  up) lab_up;;
  run) SELECT=${2:-.}; lab_up && scenarios;;
  list) LIST=1; scenarios;;
  on) shift; on "$@";;
  down) lab_down; network_down;;
  all) lab_up && scenarios; lab_down; network_down;;
  *) sed -n '2,/^set/{/^#/p}' "$0"; exit 2;;
esac
