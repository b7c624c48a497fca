#!/bin/sh
# The first process in a kernel of its own: see own_kernel.rs. AS_ROOT and AS_USER are its environment,
# and the test's program is beside it.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin TMPDIR=/run/tmp RUST_BACKTRACE=0

prepare() {
    mount -t proc proc /proc && mount -t sysfs sysfs /sys && mount -t tmpfs tmpfs /run &&
        mount -t cgroup2 cgroup2 /sys/fs/cgroup && mkdir -m 1777 /run/tmp &&
        # Whoever has no rights may not be let through to where it lies.
        cp "${0%/*}/test" /run/test && cd /run/tmp
}

# passes NAME WORDS..: the words before the test's own command line.
passes() {
    name=$1
    shift
    "$@" /run/test --include-ignored --exact "$name" >/run/output 2>&1 && grep -q ' 1 passed;' /run/output &&
        echo "PASSED $name" || { echo "FAILED $name"; cat /run/output; }
}

names() { echo "$1" | tr ',' ' '; }

if prepare; then
    for name in $(names "$AS_ROOT"); do
        passes "$name"
    done
    # Delegated as systemd does it: the directory and these two files.
    group=/sys/fs/cgroup/delegated
    echo +cpu >/sys/fs/cgroup/cgroup.subtree_control
    mkdir $group && chown 65534:65534 $group $group/cgroup.procs $group/cgroup.subtree_control $group/cgroup.threads
    for name in $(names "$AS_USER"); do
        passes "$name" sh -c 'echo 0 >"$1/cgroup.procs" && shift && exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"' \
            sh $group
    done
fi
echo o >/proc/sysrq-trigger
sleep 60
