#!/bin/sh
# bench.sh DRIVER PORT NAME: a pcscd with one virtual reader of that name. Started by unshare in new mount, network and PID namespaces;
# everything it makes goes with them.
#
# Prints its PID as the outside sees it, then waits until its standard input ends, which it does when the test process
# does. The kernel kills the rest of the namespace.
set -eu
driver=$1
port=$2
name=$3

# The outside's /proc is still here.
read -r outside_pid rest </proc/self/stat

# vpcd listens for cards on all addresses: none but this one is here.
ip link set lo up
# An empty directory stays behind where pcscd never ran.
mkdir -p /run/pcscd
mount -t tmpfs -o nosuid,nodev,mode=0755 pcscd /run/pcscd
mkdir /run/pcscd/readers
printf 'FRIENDLYNAME "%s"\nDEVICENAME /dev/null:%s\nLIBPATH %s\nCHANNELID %s\n' \
    "$name" "$port" "$driver" "$port" >/run/pcscd/readers/vpcd
# Not --auto-exit: a pcscd that goes between two commands is no test.
/usr/sbin/pcscd --foreground --config /run/pcscd/readers </dev/null >/run/pcscd/log 2>&1 &

trap '' CHLD
echo "$outside_pid"
exec cat >/dev/null
