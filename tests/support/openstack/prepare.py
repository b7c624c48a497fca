"""What is made once and kept: virtual environments with pinned packages, databases with schemas and accounts."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import accounts
import settings
from components import keystone, mariadbd
from processes import Failure, Process, answers, free_port, program, run, wait_until

HERE = Path(__file__).resolve().parent


@dataclass
class Made:
    """Where the environments and the templates of the databases are."""

    keystone: Path
    monasca: Path

    def copy_to(self, directory):
        shutil.copytree(self.keystone / "template", directory / "keystone")
        shutil.copytree(self.monasca / "template", directory / "mariadb")


def everything(cache):
    """Makes what is missing; several test programs may want it at once."""
    for name, package in (("influxd", "influxdb"), ("mariadbd", "mariadb-server-core")):
        program(name, package)
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / "lock"):
        wanted = {name: cache / f"{name}-{digest(name)}" for name in ("keystone", "monasca")}
        missing = [name for name, place in wanted.items() if not (place / "complete").exists()]
        if missing:
            make(cache, {name: wanted[name] for name in missing})
    return Made(**wanted)


@contextmanager
def locked(path):
    with open(path, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def digest(name):
    """Of all that decides what is made: the packages, the interpreter, and what makes the databases."""
    content = hashlib.sha256(sys.version.encode())
    for file in (f"{name}.txt", "prepare.py", "accounts.py", "settings.py", "make_monasca_database.py"):
        content.update((HERE / file).read_bytes())
    return content.hexdigest()[:16]


def make(cache, wanted):
    uv = installer(cache)
    for place in wanted.values():
        # What an interrupted run has left.
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
    in_parallel([lambda n=name, p=place: environment(uv, cache, n, p) for name, place in wanted.items()])
    for name, place in wanted.items():
        {"keystone": keystone_template, "monasca": monasca_template}[name](place)
        (place / "complete").touch()
    # Of earlier pins.
    for place in cache.glob("*-????????????????"):
        if place.name.split("-")[0] in wanted and place not in wanted.values():
            shutil.rmtree(place, ignore_errors=True)


def installer(cache):
    """uv, which installs in seconds what pip takes a minute for."""
    pin = (HERE / "installer.txt").read_text().strip()
    place = cache / pin.replace("==", "-")
    uv = place / "bin/uv"
    if not (place / "complete").exists():
        shutil.rmtree(place, ignore_errors=True)
        log = cache / "installer.log"
        run([sys.executable, "-m", "venv", place], log)
        run([place / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", pin], log)
        (place / "complete").touch()
    return uv


def environment(uv, cache, name, place):
    # Python of the system, never one that uv would download.
    options = ["--quiet", "--cache-dir", cache / "uv", "--no-python-downloads"]
    log = place / "install.log"
    run([uv, "venv", *options, "--python", sys.executable, place / "venv"], log)
    python = place / "venv/bin/python"
    # The list is complete: nothing is left to be found out.
    run([uv, "pip", "install", *options, "--no-deps", "--python", python, "-r", HERE / f"{name}.txt"], log)


def in_parallel(tasks):
    failures = []

    def guarded(task):
        try:
            task()
        except (Failure, OSError, subprocess.TimeoutExpired) as failure:
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise Failure(str(failures[0]))


def keystone_template(place):
    """A database with everybody who logs in, and the keys of the tokens."""
    template, venv, log = place / "template", place / "venv", place / "template.log"
    for name in ("fernet-keys", "credential-keys"):
        (template / name).mkdir(parents=True)
    config = place / "keystone.conf"
    config.write_text(settings.keystone(template, 3600))

    def manage(*arguments):
        call = "from keystone.cmd.manage import main; main()"
        run([venv / "bin/python", "-c", call, "--config-file", config, *arguments], log)

    owner = ("--keystone-user", settings.me(), "--keystone-group", settings.my_group())
    in_parallel(
        [
            lambda: manage("db_sync"),
            lambda: manage("fernet_setup", *owner),
            lambda: manage("credential_setup", *owner),
        ]
    )
    endpoint = settings.KEYSTONE_PLACE + "/v3"
    urls = [word for kind in ("admin", "public", "internal") for word in (f"--bootstrap-{kind}-url", endpoint)]
    manage("bootstrap", "--bootstrap-password", settings.ADMIN_PASSWORD, "--bootstrap-region-id", "RegionOne", *urls)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = keystone(venv, config, port, log)
    try:
        wait_until(lambda: answers(url + "/v3") == 200, "keystone is not ready", server)
        accounts.make(url)
    finally:
        server.stop()


def monasca_template(place):
    """MariaDB's files, with Monasca's schema in them."""
    template, venv, log = place / "template", place / "venv", place / "template.log"
    # No tables of its own: without accounts it does not need them.
    template.mkdir()
    with settings.short_directory() as directory:
        socket = directory / "my.sock"
        server = Process(mariadbd(template, socket), log)
        try:
            wait_until(socket.exists, "mariadb is not ready", server)
            config = place / "database.conf"
            config.write_text(settings.monasca_database(socket))
            run([venv / "bin/python", HERE / "make_monasca_database.py", socket, settings.DATABASE, config], log)
        finally:
            server.stop()
