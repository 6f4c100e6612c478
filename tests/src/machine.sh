#!/bin/sh
# machine.sh LOWER STAGE: holds the file system of a machine that is booted and booted again. Started by unshare in new
# mount and PID namespaces; everything that runs or is mounted here goes with them.
#
#   LOWER   a Debian root with systemd, read only
#   STAGE   an empty directory to mount on (each machine sees its own mount)
#
# Prints its PID as the outside sees it, then waits until its standard input ends.
set -eu
umask 022
lower=$1
stage=$2
read -r outside_pid rest </proc/self/stat

mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t tmpfs -o mode=0755 machine "$stage"
mkdir "$stage/upper" "$stage/work" "$stage/root"
mount -t overlay -o "lowerdir=$lower,upperdir=$stage/upper,workdir=$stage/work" machine "$stage/root"

trap '' CHLD
echo "$outside_pid"
exec cat >/dev/null
