#!/bin/sh
# Installs the Debian packages of programs that are missing: ensure-debian.sh PROGRAM=PACKAGE...
# PROGRAM may also be a path. Only as root and only where apt-get exists; elsewhere one line says what is missing,
# and whoever needs the program says so again when it comes to it.
missing=""
packages=""
for pair in "$@"; do
    program=${pair%%=*}
    command -v "$program" >/dev/null 2>&1 && continue
    missing="$missing $program"
    packages="$packages ${pair#*=}"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "missing:$missing (on Debian: apt-get install$packages)" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # the list is meant to be split
apt-get install -y -q --no-install-recommends $packages >/dev/null 2>&1 ||
    { apt-get update -q >/dev/null && apt-get install -y -q --no-install-recommends $packages >/dev/null; }
