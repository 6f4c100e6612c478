#!/bin/sh
# namespace.sh LOWER STAGE NAME: becomes the first process of a bench. Started by unshare in new
# mount, network, PID, UTS and IPC namespaces; everything it makes goes with them.
#
#   LOWER   a Debian root, read only
#   STAGE   an empty directory to mount on (each bench sees its own mount)
#   NAME    the host name
#
# Prints its PID as the outside sees it when the host is ready, then waits until its standard input
# ends, which it does when the test process does. The kernel kills the rest of the namespace.
set -eu
umask 022
lower=$1
stage=$2
name=$3

# The outside's /proc is still here.
read -r outside_pid rest </proc/self/stat

mount -t tmpfs -o mode=0755 bench "$stage"
mkdir "$stage/upper" "$stage/work" "$stage/root"
mount -t overlay -o "lowerdir=$lower,upperdir=$stage/upper,workdir=$stage/work" bench "$stage/root"
cd "$stage/root"

mount -t proc -o nosuid,nodev,noexec proc proc
mount -t tmpfs -o nosuid,mode=0755 dev dev
mkdir dev/pts dev/shm
chmod 1777 dev/shm
mknod -m 0666 dev/null c 1 3
mknod -m 0666 dev/zero c 1 5
mknod -m 0666 dev/full c 1 7
mknod -m 0666 dev/random c 1 8
mknod -m 0666 dev/urandom c 1 9
mknod -m 0666 dev/tty c 5 0
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o nosuid,nodev,mode=0755 run run
mkdir -p run/lock run/sshd run/systemd/journal run/bench

echo "$name" >etc/hostname
# sudo asks for its own host's name. No name server: nothing here may depend on one.
printf '127.0.0.1 localhost\n::1 localhost\n192.0.2.1 %s\n' "$name" >etc/hosts
: >etc/resolv.conf
hostname "$name"

# One client address of each family that is not the server's own, and the server's own. `from`
# adds others. nodad: usable at once.
ip -batch - <<ADDRESSES
link set lo up
address add 192.0.2.1/32 dev lo
address add 2001:db8::1/128 dev lo nodad
ADDRESSES

# Where this runs in a plain chroot, whose directory is no mount, the root can only be changed.
enter=
if pivot_root . . 2>/dev/null; then
    umount -l .
    cd /
else
    enter="chroot ."
fi

# Orphans that end here need no wait.
trap '' CHLD
echo "$outside_pid"
# shellcheck disable=SC2086 # two words or none
exec $enter cat >/dev/null
