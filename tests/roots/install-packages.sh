#!/bin/sh
# Installs the Debian packages that the test bench needs on this machine, and only those missing.
# Says what it installs. Needs root.
set -eu

# mmdebstrap      makes the Debian roots that sshd is tested in
# util-linux      unshare, nsenter, pivot_root
# mount           mount, umount
# iproute2        addresses in the bench's own network
# openssh-client  ssh-keygen, for RSA keys and certificates
# libpam0g-dev    to build pam_tom.so
# libpcsclite-dev to build tom-enroll-piv
# pkgconf         by which its build finds that library
# gcc             what Rust links with
# binutils        nm, readelf: the symbols of pam_tom.so
# python3         the second model of the rules
# pcscd           what programs reach a PIV card through; the tests start their own
# vsmartcard-vpcd its virtual reader, for the simulated card
# opensc          PKCS #11 by which ssh-agent uses a PIV card: opensc-pkcs11.so, pkcs11-tool
# yubico-piv-tool must take the simulated card for a YubiKey
# ykcs11          Yubico's PKCS #11 must, too
# openssl         verifies the simulated attestations
# dpkg-dev        dpkg-deb's companions: what the package's programs are linked with
# lintian         the package, by Debian's own rules
# piuparts        installs, upgrades, removes and purges it, and looks for what stays
# autopkgtest     runs the tests of packaging/autopkgtest on it
# man-db          shows the package's pages without a warning
# systemd-container a whole Debian, booted: systemd-nspawn
wanted="mmdebstrap util-linux mount iproute2 openssh-client libpam0g-dev libpcsclite-dev pkgconf gcc binutils python3 \
    pcscd vsmartcard-vpcd opensc yubico-piv-tool ykcs11 openssl dpkg-dev lintian piuparts \
    autopkgtest man-db systemd-container"

missing=""
for package in $wanted; do
    status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
done

if [ -z "$missing" ]; then
    echo "Debian packages for the test bench: all there ($wanted)"
    exit 0
fi
echo "Debian packages for the test bench: installing$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list of words
apt-get install --yes --no-install-recommends $missing >/dev/null 2>&1 || {
    apt-get update
    apt-get install --yes --no-install-recommends $missing
}
