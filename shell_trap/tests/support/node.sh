#!/bin/sh
# A private dockerd as one "node" of a test: own data, sockets and bridge; nothing of the machine's own Docker is touched.
#   node.sh start DIR [dockerd options]   ready when it returns; the socket is DIR/sock
#   node.sh stop DIR                      ends it and removes its bridge and mounts (the folder itself stays)
# CRIU_BIN is put first in PATH, so that containerd, the shim and runc find that criu.
set -eu
[ $# -ge 2 ] || { echo "usage: $0 start|stop DIR [dockerd options]" >&2; exit 2; }
ACTION=$1 DIR=$2
shift 2
PATH=${CRIU_BIN:+$CRIU_BIN:}$PATH:/usr/sbin:/sbin
[ "$(id -u)" = 0 ] || { echo "$0: a dockerd needs root" >&2; exit 1; }
# An interface name has at most 15 characters.
NUMBER=$(printf %s "$DIR" | cksum | cut -d' ' -f1)
BRIDGE=st$NUMBER
SUBNET=10.$((150 + NUMBER % 50)).$((NUMBER / 50 % 250)).1/24

case $ACTION in
start)
    for tool in dockerd containerd runc ip unshare; do
        command -v $tool >/dev/null || { echo "$0: $tool is missing: apt-get install docker.io iproute2 util-linux" >&2; exit 1; }
    done
    mkdir -p "$DIR/tmp"
    ip link show "$BRIDGE" >/dev/null 2>&1 || ip link add "$BRIDGE" type bridge
    ip addr add "$SUBNET" dev "$BRIDGE" 2>/dev/null || :
    ip link set "$BRIDGE" up
    # Never --bridge=none: that removes the docker0 of any other dockerd. A private mount namespace leaves no mounts behind.
    # A private network namespace would keep CRIU from dumping containers with a bridge.
    TMPDIR=$DIR/tmp nohup setsid unshare -m --propagation private dockerd --data-root "$DIR/data" --exec-root "$DIR/exec" \
        --pidfile "$DIR/pid" -H "unix://$DIR/sock" --bridge="$BRIDGE" --iptables=false --ip6tables=false "$@" >"$DIR/log" 2>&1 </dev/null &
    started=$!
    i=0
    until curl -s --max-time 2 --unix-socket "$DIR/sock" http://docker/_ping >/dev/null 2>&1; do
        i=$((i + 1))
        if [ $i -ge 600 ] || ! kill -0 "$started" 2>/dev/null; then
            echo "dockerd does not answer:" >&2
            tail -n 5 "$DIR/log" >&2
            exit 1
        fi
        sleep 0.1
    done
    ;;
stop)
    if [ -e "$DIR/pid" ]; then
        pid=$(cat "$DIR/pid")
        kill -TERM "$pid" 2>/dev/null || :
        i=0
        while kill -0 "$pid" 2>/dev/null && [ $i -lt 400 ]; do i=$((i + 1)); sleep 0.05; done
        ! kill -0 "$pid" 2>/dev/null || kill -KILL "$pid"
    fi
    ip link del "$BRIDGE" 2>/dev/null || :
    ;;
*) echo "usage: $0 start|stop DIR [dockerd options]" >&2; exit 2 ;;
esac
