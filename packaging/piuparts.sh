#!/usr/bin/env bash
# packaging/piuparts.sh SUITE…: piuparts on the built package: installed, upgraded, removed and purged in a minimal
# Debian, and what stays behind is told.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$(sed -n '1s/^tom (\([^)]*\)).*/\1/p' packaging/deb/changelog)
package=target/deb/tom_${version}_$(dpkg --print-architecture).deb
mkdir -p target/roots

for suite in "$@"; do
    base=target/roots/piuparts-$suite.tar.gz
    if [ ! -e "$base" ]; then
        mmdebstrap --quiet --variant=minbase "$suite" "${base%.tar.gz}.new.tar.gz" >&2
        mv "${base%.tar.gz}.new.tar.gz" "$base"
    fi
    log=target/deb/piuparts-$suite.log
    # debconf leaves its tmp.ci when apt asks packages beforehand; the user _tom stays, and so do backups of the user databases that useradd makes.
    if piuparts --distribution "$suite" --basetgz "$base" --warn-on-debsums-errors --no-eatmydata \
        --ignore-regex '^/var/cache/debconf/tmp.ci' --ignore-regex '/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$' "$package" >"$log" 2>&1; then
        echo "piuparts: $suite: passed"
    else
        tail -n 40 "$log" >&2
        echo "piuparts: $suite: failed; all of it is in $log" >&2
        exit 1
    fi
done
