"""What runs: each component's command, its settings, and how it is known to be ready."""

import json
import signal
import urllib.parse
import urllib.request
from pathlib import Path

import settings
from processes import Failure, Process, answers, free_port, program, wait_until

HERE = Path(__file__).resolve().parent

# Seconds that a token of the second Keystone lives.
SHORT_LIFE = 15


def mariadbd(datadir, socket):
    return [
        program("mariadbd", "mariadb-server-core"),
        "--no-defaults",
        f"--user={settings.me()}",
        f"--datadir={datadir}",
        f"--socket={socket}",
        f"--pid-file={datadir}/pid",
        "--skip-networking",
        # Reachable through the socket alone, which lies in a directory of ours.
        "--skip-grant-tables",
        "--innodb-buffer-pool-size=16M",
        "--innodb-log-file-size=4M",
        "--innodb-flush-log-at-trx-commit=0",
    ]


def keystone(venv, config, port, log):
    command = [venv / "bin/python", HERE / "serve_keystone.py", "127.0.0.1", port]
    return Process(command, log, env={"OS_KEYSTONE_CONFIG_FILES": str(config)})


class Run:
    """One run of everything, in a directory of its own."""

    def __init__(self, made, directory):
        self.made, self.dir = made, directory
        self.processes = {}
        self.ports = {name: free_port() for name in ("keystone", "keystone-short", "influxdb", "monasca-api")}
        (directory / "log").mkdir()
        self.database = directory / "my.sock"
        self.kafka = None

    def url(self, name):
        return f"http://127.0.0.1:{self.ports[name]}"

    def log(self, name):
        return self.dir / "log" / f"{name}.out"

    def addresses(self):
        return {
            "keystone": self.url("keystone"),
            "keystone_short": self.url("keystone-short"),
            "monasca": self.url("monasca-api"),
            "influxdb": self.url("influxdb"),
            "directory": str(self.dir),
        }

    def start(self):
        self.made.copy_to(self.dir)
        settings.move_endpoints(self.dir / "keystone/keystone.db", self.url("keystone"), self.url("monasca-api"))
        first = ("keystone", "influxdb", "mariadb", "kafka")
        # All at once: each takes its time to come up.
        for name in first:
            self.launch(name)
        for name in first:
            self.wait(name)
        for name in ("monasca-api", "monasca-persister"):
            self.launch(name)
        self.wait("monasca-api")

    def launch(self, name):
        launch = getattr(self, "launch_" + name.replace("-", "_"), None)
        if launch is None:
            raise Failure(f"no such component: {name}")
        self.processes[name] = launch(self.log(name))

    def wait(self, name):
        process = self.processes[name]
        ready = getattr(self, "ready_" + name.replace("-", "_"), lambda: True)
        wait_until(ready, f"{name} is not ready", process)
        after = getattr(self, "after_" + name.replace("-", "_"), None)
        if after:
            after()

    def command(self, verb, name):
        if verb == "start":
            running = self.processes.get(name)
            if running and running.poll() is None:
                raise Failure(f"{name} runs already")
            self.launch(name)
            self.wait(name)
            return
        process = self.processes.get(name)
        if process is None or process.poll() is not None:
            raise Failure(f"{name} does not run")
        {
            "stop": process.stop,
            "kill": process.kill,
            "pause": lambda: process.signal(signal.SIGSTOP),
            "resume": lambda: process.signal(signal.SIGCONT),
        }[verb]()

    def end(self):
        # Nothing of it is wanted any more.
        for process in self.processes.values():
            process.kill()

    # Keystone: two that share database and keys, and differ in how long their tokens live.

    def launch_keystone(self, log, name="keystone", lifetime=3600):
        config = self.dir / f"{name}.conf"
        config.write_text(settings.keystone(self.dir / "keystone", lifetime))
        return keystone(self.made.keystone / "venv", config, self.ports[name], log)

    def ready_keystone(self):
        return answers(self.url("keystone") + "/v3") == 200

    def launch_keystone_short(self, log):
        return self.launch_keystone(log, "keystone-short", SHORT_LIFE)

    def ready_keystone_short(self):
        return answers(self.url("keystone-short") + "/v3") == 200

    # Where Monasca keeps things.

    def launch_influxdb(self, log):
        config = self.dir / "influxdb.conf"
        config.write_text(settings.influxdb(self.dir / "influxdb", self.ports["influxdb"]))
        return Process([program("influxd", "influxdb"), "-config", config], log)

    def ready_influxdb(self):
        return answers(self.url("influxdb") + "/ping") == 204

    def after_influxdb(self):
        query = urllib.parse.urlencode({"q": f"CREATE DATABASE {settings.DATABASE}"}).encode()
        with urllib.request.urlopen(self.url("influxdb") + "/query", query, timeout=30) as answer:
            if "error" in json.load(answer)["results"][0]:
                raise Failure("InfluxDB does not make a database")

    def launch_mariadb(self, log):
        return Process(mariadbd(self.dir / "mariadb", self.database), log)

    def ready_mariadb(self):
        return self.database.exists()

    def launch_kafka(self, log):
        (self.dir / "kafka").unlink(missing_ok=True)
        return Process([self.made.monasca / "venv/bin/python", HERE / "serve_kafka.py", self.dir / "kafka"], log)

    def ready_kafka(self):
        return (self.dir / "kafka").exists()

    def after_kafka(self):
        self.kafka = (self.dir / "kafka").read_text().strip()

    # Monasca itself.

    def launch_monasca_api(self, log):
        etc = self.dir / "monasca-api"
        etc.mkdir(exist_ok=True)
        config = settings.monasca_api(self.kafka, self.ports["influxdb"], self.database, self.url("keystone"))
        (etc / "monasca-api.conf").write_text(config)
        (etc / "api-config.ini").write_text(settings.MONASCA_API_PIPELINE)
        port = self.ports["monasca-api"]
        return Process([self.made.monasca / "venv/bin/python", HERE / "serve_monasca_api.py", "127.0.0.1", port, etc], log)

    def ready_monasca_api(self):
        return answers(self.url("monasca-api") + "/healthcheck") == 200

    def launch_monasca_persister(self, log):
        config = self.dir / "monasca-persister.conf"
        config.write_text(settings.monasca_persister(self.kafka, self.ports["influxdb"]))
        script = HERE / "serve_monasca_persister.py"
        return Process([self.made.monasca / "venv/bin/python", script, "--config-file", config], log)
