#!/bin/sh
# make-root.sh SUITE DIR [machine]: makes a Debian root of SUITE (bookworm, trixie) below DIR, unless
# it is there already, and prints its path. Tests lay a file system over it and never write to it.
# A `machine` has systemd beside the rest, and can be booted.
#
# The name carries a hash of this script, the suite and the package list: a change of any of them
# makes a new root. It appears under that name only when it is complete, and a lock lets one of
# several tests make it while the others wait.
set -eu
umask 022

suite=$1
dir=$2
kind=${3:-root}

# openssh-*, sudo, login, passwd   what is tested: the distribution's own
# libpam-*, pamtester              PAM stacks, asked without a daemon
# strace                           faults in single system calls
# socat                            what a forwarded connection reaches
# libfaketime                      another clock for one host
# cron                             a service of root's that asks PAM on its own
# bsdutils, util-linux, mount      logger (journal), setpriv, umount
packages="openssh-server,openssh-client,openssh-sftp-server,sudo,login,passwd"
packages="$packages,libpam-modules,libpam-runtime,pamtester,strace,socat,libfaketime"
packages="$packages,bsdutils,util-linux,mount,cron"

# systemd-sysv, dbus               a machine that boots, and systemctl in it
# iproute2                         its loopback's addresses
if [ "$kind" = machine ]; then
    packages="$packages,systemd,systemd-sysv,dbus,libpam-systemd,iproute2"
fi

hash=$({ echo "$suite $packages"; cat "$0"; } | sha256sum | cut -c1-12)
name=$suite
[ "$kind" = root ] || name=$kind-$suite
root=$dir/$name-$hash

if [ -d "$root" ]; then
    echo "$root"
    exit 0
fi

if ! command -v mmdebstrap >/dev/null; then
    echo "mmdebstrap is missing: tests/roots/install-packages.sh installs it" >&2
    exit 1
fi

mkdir -p "$dir"
exec 9>"$dir/$name.lock"
flock 9
if [ ! -d "$root" ]; then
    echo "making a Debian $kind of $suite in $root (about 20 s, once)" >&2
    rm -rf "$dir/$name.new"
    mmdebstrap --quiet --variant=minbase --include="$packages" \
        --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/doc/*' \
        "$suite" "$dir/$name.new" >&2
    # Roots of an older version of this script; one that a test still uses stays readable for it
    # only as far as it is open, so this happens only when a new one is made.
    for old in "$dir/$name"-*; do
        [ ! -d "$old" ] || rm -rf "$old"
    done
    mv "$dir/$name.new" "$root"
fi
echo "$root"
