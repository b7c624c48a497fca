#!/bin/sh
# Brings a CRIU that works on the running kernel, without touching the machine's own packages.
#   criu.sh [CACHE]   prints the directory to put first in PATH (default cache: .cache/criu of the checkout)
# Debian bookworm has CRIU 3.17, which is useless on kernels after 6.1. The packages of a newer suite are downloaded with a private
# set of apt directories, unpacked (not installed) below CACHE, and called through their own dynamic linker.
# CRIU_SUITE=testing asks for another suite than trixie, whatever the node has: on kernels from 6.16 only CRIU 4.2 dumps TCP
# sockets.
set -eu

SUITE=${CRIU_SUITE:-trixie}
CACHE=${1:-$(dirname "$(readlink -f "$0")")/../../../.cache/criu}
mkdir -p "$CACHE"
ROOT=$(readlink -f "$CACHE")/$SUITE
works() { [ -x "$ROOT/bin/criu" ] && "$ROOT/bin/criu" check >/dev/null 2>&1; }

# Several tests may ask at once: one brings it, the others wait.
exec 9>"$CACHE/lock"
flock 9
if works; then
    echo "$ROOT/bin"
    exit 0
fi
# A node that has a working one of its own needs no other; its version must be at least 4.
[ -n "${CRIU_SUITE:-}" ] || own=$(PATH=$PATH:/usr/sbin:/sbin command -v criu || :)
if [ -n "${own:-}" ] && "$own" --version 2>/dev/null | grep -q '^Version: [4-9]' && "$own" check >/dev/null 2>&1; then
    dirname "$own"
    exit 0
fi

fail() { echo "$0: $*" >&2; exit 1; }
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || fail "no criu >= 4 here, and no apt-get to bring one"
sources=/etc/apt/sources.list.d/debian.sources
mirror=$(sed -n 's/^URIs: *//p' "$sources" 2>/dev/null | head -n 1)
[ -n "$mirror" ] || mirror=$(sed -n 's/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p' /etc/apt/sources.list 2>/dev/null | head -n 1)
[ -n "$mirror" ] || fail "cannot tell the Debian mirror from $sources or /etc/apt/sources.list"
keyring=$(sed -n 's/^Signed-By: *//p' "$sources" 2>/dev/null | head -n 1)
arch=$(dpkg --print-architecture)

apt=$ROOT/apt
rm -rf "$ROOT"
mkdir -p "$apt/conf" "$apt/preferences" "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/sources" "$ROOT/root" "$ROOT/bin"
: >"$apt/status"
{
    printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nArchitectures: %s\n' "$mirror" "$SUITE" "$arch"
    [ -z "$keyring" ] || printf 'Signed-By: %s\n' "$keyring"
} >"$apt/sources/suite.sources"
private() {
    apt-get -q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$apt/sources" -o Dir::Etc::preferencesparts="$apt/preferences" \
        -o Dir::State::lists="$apt/lists" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache" \
        -o APT::Install-Recommends=false -o Debug::NoLocking=1 -o Acquire::Languages=none -o APT::Sandbox::User=root "$@"
}
{
    private update
    private -y --download-only install criu
} >"$ROOT/apt.log" 2>&1 || { tail -n 5 "$ROOT/apt.log" >&2; fail "cannot download criu of $SUITE from $mirror"; }
for package in "$apt"/cache/archives/*.deb; do dpkg-deb -x "$package" "$ROOT/root"; done
rm -rf "$apt"

libraries=$(dirname "$(find "$ROOT/root/usr/lib" -name 'libc.so.6' | head -n 1)")
linker=$(find "$ROOT/root/usr/lib64" "$ROOT/root/usr/lib" -name 'ld-linux-*.so.*' 2>/dev/null | head -n 1)
program=$(find "$ROOT/root/usr/sbin" "$ROOT/root/usr/bin" -name criu 2>/dev/null | head -n 1)
cat >"$ROOT/bin/criu" <<WRAPPER
#!/bin/sh
exec '$linker' --library-path '$libraries' '$program' "\$@"
WRAPPER
chmod +x "$ROOT/bin/criu"
"$ROOT/bin/criu" check >"$ROOT/check.log" 2>&1 || { tail -n 5 "$ROOT/check.log" >&2; fail "criu of $SUITE does not work on kernel $(uname -r)"; }
echo "$ROOT/bin"
