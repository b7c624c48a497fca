"""Processes that are started, watched and ended by their pid."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

PR_SET_PDEATHSIG = 1

# On a machine with other work.
PATIENCE = 120


class Failure(Exception):
    """Something that whoever runs the tests has to know."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def program(name, package):
    """A program of the system; /usr/sbin is not on everybody's path."""
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    found = shutil.which(name, path=path)
    if not found:
        raise Failure(f"{name} is needed (Debian package {package})")
    return found


def run(command, log, **kwargs):
    """Runs to the end; what it said is in `log`."""
    with open(log, "ab") as out:
        code = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=600, **kwargs)
    if code.returncode:
        raise Failure(f"{command[0]} ended with {code.returncode}: {tail(log)}")


def tail(log):
    try:
        return log.read_text(errors="replace")[-3000:]
    except OSError:
        return "no output"


def answers(url):
    """The status of a GET, or None when there is none."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        return opener.open(url, timeout=5).status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def wait_until(reached, what, process):
    began = time.monotonic()
    while not reached():
        if process.poll() is not None:
            raise Failure(f"{what}: the process ended with {process.poll()}: {tail(process.log)}")
        if time.monotonic() - began > PATIENCE:
            raise Failure(f"{what}: not after {PATIENCE} s: {tail(process.log)}")
        time.sleep(0.05)


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A program in a process group of its own, so that its children end with it."""

    # Only the main thread may make one: the system ends the child with the thread that made it.
    def __init__(self, command, log, env=None):
        self.log = log
        with open(log, "ab") as out:
            self.child = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, **(env or {})},
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    def poll(self):
        return self.child.poll()

    def signal(self, number):
        if self.child.poll() is None:
            os.killpg(self.child.pid, number)

    def stop(self):
        """In order; by force when that takes long."""
        # One that is paused would not hear it.
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            self.child.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self):
        self.signal(signal.SIGKILL)
        self.child.wait()
