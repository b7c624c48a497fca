#!/usr/bin/env python3
"""A real Keystone and a real Monasca on this machine, for as long as standard input stays open.

    python3 -B rig.py          makes what is missing, starts everything, prints one line of JSON with the addresses
    python3 -B rig.py prepare  makes what is missing, and no more

What is downloaded and made once is kept in .cache/openstack: virtual environments with pinned packages, and databases with
their schemas and accounts. Each run has copies of the databases in a directory of its own, and free ports on loopback.

Real are Keystone, monasca-api, monasca-persister, InfluxDB and MariaDB. In the place of Kafka is the cluster that librdkafka
has for its own tests: it speaks Kafka's protocol and keeps everything in memory.

Commands, one a line, each answered by a line of JSON: `start|stop|kill|pause|resume <component>`. `stop` ends a component in
order, `kill` and `pause` do what a crash and a hang do. When standard input ends, all that was started is ended by its pid.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import prepare
from components import Run
from processes import Failure


def serve(run):
    print(json.dumps(run.addresses()), flush=True)
    for line in sys.stdin:
        words = line.split()
        try:
            if len(words) != 2 or words[0] not in ("start", "stop", "kill", "pause", "resume"):
                raise Failure(f"no such command: {line!r}")
            run.command(*words)
            answer = {"done": line.strip()}
        except Failure as failure:
            answer = {"error": str(failure)}
        print(json.dumps(answer), flush=True)


def main():
    cache = Path(__file__).resolve().parents[3] / ".cache" / "openstack"
    made = prepare.everything(cache)
    if sys.argv[1:] == ["prepare"]:
        return
    # Short, because a socket's path may have 107 bytes.
    directory = Path(tempfile.mkdtemp(prefix="openstack-"))
    run = Run(made, directory)
    try:
        run.start()
        serve(run)
    finally:
        run.end()
        # What the components said last.
        shutil.rmtree(cache / "log", ignore_errors=True)
        shutil.copytree(directory / "log", cache / "log", dirs_exist_ok=True)
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"openstack rig: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
