#!/bin/sh
# A private dockerd for tests: own data, socket and bridge; nothing of the machine's own Docker is touched.
#   dockerd.sh start DIR   prints the value for DOCKER_HOST
#   dockerd.sh stop DIR    ends it and removes what it made (the folder itself stays)
# Needs root. Debian's docker.io is installed when there is no dockerd.
set -eu

usage() { echo "usage: $0 start|stop DIR" >&2; exit 2; }
[ $# -eq 2 ] || usage
DIR=$2
[ "$(id -u)" = 0 ] || { echo "$0: a dockerd needs root" >&2; exit 1; }
# An interface name has at most 15 characters.
BRIDGE=mq$(printf %s "$DIR" | cksum | cut -d' ' -f1)
SUBNET=10.$((200 + $(printf %s "$DIR" | cksum | cut -d' ' -f1) % 50)).$(($(printf %s "$DIR" | cksum | cut -d' ' -f1) / 50 % 250)).1/24

install_docker() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # The packages start services where there is an init; this script starts its own and wants none of those.
    apt-get install -y -qq --no-install-recommends docker.io iproute2
}

case $1 in
start)
    PATH=$PATH:/usr/sbin:/sbin
    command -v dockerd >/dev/null && command -v ip >/dev/null || install_docker >"${TMPDIR:-/tmp}/dockerd-install.log" 2>&1 ||
        { tail -5 "${TMPDIR:-/tmp}/dockerd-install.log" >&2; exit 1; }
    mkdir -p "$DIR/tmp"
    ip link show "$BRIDGE" >/dev/null 2>&1 || ip link add "$BRIDGE" type bridge
    ip addr add "$SUBNET" dev "$BRIDGE" 2>/dev/null || :
    ip link set "$BRIDGE" up
    # Never --bridge=none: that removes the docker0 of any other dockerd. A private mount namespace leaves no mounts behind.
    TMPDIR=$DIR/tmp nohup unshare -m --propagation private dockerd \
        --data-root "$DIR/data" --exec-root "$DIR/exec" --pidfile "$DIR/pid" -H "unix://$DIR/sock" \
        --bridge="$BRIDGE" --iptables=false --ip6tables=false >"$DIR/log" 2>&1 </dev/null &
    i=0
    until DOCKER_HOST=unix://$DIR/sock docker version >/dev/null 2>&1; do
        i=$((i + 1))
        [ $i -lt 300 ] || { echo "dockerd does not answer:" >&2; tail -5 "$DIR/log" >&2; exit 1; }
        sleep 0.1
    done
    echo "unix://$DIR/sock"
    ;;
stop)
    if [ -e "$DIR/pid" ]; then
        pid=$(cat "$DIR/pid")
        kill -TERM "$pid" 2>/dev/null || :
        while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
    fi
    ip link del "$BRIDGE" 2>/dev/null || :
    ;;
*) usage ;;
esac
