"""Drives a Chronos interface by the chronos-python client and asserts what its users rely on.

usage: chronos_python.py CREDENTIALS-FILE 2.4|3.0
"""

import csv
import json
import sys
import time
from urllib.parse import urlsplit

import chronos

NEVER = "R/2099-01-01T00:00:00Z/P1Y"
NEVER_RUN = {
    "histogram": {
        "median": 0.0,
        "98thPercentile": 0.0,
        "75thPercentile": 0.0,
        "95thPercentile": 0.0,
        "99thPercentile": 0.0,
        "count": 0,
        "mean": 0.0,
    },
    "taskStatHistory": [],
}


def eventually(what, holds, seconds=30):
    patience = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < patience, "waited in vain until " + what
        time.sleep(0.05)


def refused(call):
    try:
        call()
    except chronos.ChronosAPIError:
        return
    raise AssertionError("nothing was refused")


class Bed:
    def __init__(self, credentials, version):
        self.legacy = version == "2.4"
        self.server = urlsplit(credentials["url"]).netloc
        self.client = self.connect(credentials["user"], credentials["password"])

    def connect(self, user, password):
        api = None if self.legacy else "v1"
        return chronos.connect(self.server, username=user, password=password, scheduler_api_version=api)

    def job(self, name, **fields):
        job = {"command": "echo 1", "name": name, "owner": "", "disabled": False, "schedule": NEVER}
        if self.legacy:
            job["async"] = False
        job.update(fields)
        return job

    def names(self):
        return [job["name"] for job in self.client.list()]

    def get(self, name):
        return next((job for job in self.client.list() if job["name"] == name), None)

    def add(self, name, **fields):
        assert self.client.add(self.job(name, **fields)) is None, "204 is no content"
        # 3.x shows a new job a moment later.
        eventually("the job is listed", lambda: name in self.names())

    def state(self, name):
        rows = csv.reader(self.client.scheduler_graph().splitlines())
        return next((row[2:] for row in rows if row[:2] == ["node", name]), None)

    def check_own_test_bed(self):
        """What the client's own integration tests do, in their order."""
        assert self.client.list() == []
        self.add("myjob", schedule="R0/2014-01-01T00:00:00Z/PT60M")
        assert self.client.job_stat("myjob") == NEVER_RUN
        timing = [{"jobNameLabel": "myjob", "time": 0.0}]
        for figure in ("99th", "98th", "95th", "75th", "median", "mean"):
            assert getattr(self.client, "scheduler_stat_" + figure)() == timing, figure
        self.add("myotherjob", schedule="R0/2014-01-01T00:00:00Z/PT60M")
        assert sum(1 for _ in csv.reader(self.client.scheduler_graph().splitlines())) == 2
        metrics = self.client.metrics()
        assert isinstance(metrics, dict) and "version" in metrics and "gauges" in metrics
        assert "myjob" in [job["name"] for job in self.client.search(name="myjob")]
        assert len(self.client.search(command="echo")) == 2
        spaces = "job with spaces"
        if self.legacy:
            self.add(spaces, schedule="R0/2014-01-01T00:00:00Z/PT60M")
            assert self.client.delete(spaces) is None
        else:
            refused(lambda: self.client.add(self.job(spaces)))
        assert spaces not in self.names()

    def check_run(self):
        self.add("worker", command="sleep 0.2")
        assert self.state("worker") == ["fresh", "idle"]
        assert self.client.run("worker") is None
        eventually("it has run", lambda: self.get("worker")["successCount"] == 1)
        assert self.state("worker") == ["success", "idle"]
        assert self.client.job_stat("worker")["histogram"]["count"] == 1
        slowest = self.client.scheduler_stat_mean()[0]
        assert slowest["jobNameLabel"] == "worker" and slowest["time"] > 0.2, slowest
        myjob = self.get("myjob")
        assert (myjob["successCount"], myjob["lastSuccess"]) == (0, ""), "R0 is never run"

    def check_update(self):
        """A replacement resets what it does not name."""
        assert self.client.update(self.job("worker", cpus="0.5", command="echo $((6 * 7))")) is None
        worker = self.get("worker")
        assert (worker["cpus"], worker["successCount"], worker["mem"]) == (0.5, 0, 128.0), worker
        assert self.state("worker") == ["fresh", "idle"]

    def check_delete_tasks(self):
        running = lambda: "running" in self.state("sleeper")[1]
        self.add("sleeper", command="sleep 1000")
        self.client.run("sleeper")
        eventually("it runs", running)
        assert self.client.delete_tasks("sleeper") is None
        eventually("it is killed", lambda: self.state("sleeper") == ["fresh", "idle"])
        sleeper = self.get("sleeper")
        assert (sleeper["successCount"], sleeper["errorCount"]) == (0, 0)
        self.client.run("sleeper")
        eventually("it runs again", running)
        assert self.client.delete("sleeper") is None
        assert "sleeper" not in self.names()

    def check_dependency(self):
        child = self.job("child", parents=["worker"])
        del child["schedule"]
        self.client.add(child)
        eventually("the child is listed", lambda: "child" in self.names())
        assert "link,worker,child" in self.client.scheduler_graph().splitlines()
        self.client.run("worker")
        eventually("the child has run", lambda: self.get("child")["successCount"] == 1)

    def check_refusals(self):
        for call in (self.client.run, self.client.delete, self.client.delete_tasks, self.client.job_stat):
            refused(lambda: call("nobody"))
        refused(lambda: self.client.add(self.job("bad", schedule="every now and then")))
        refused(lambda: self.connect("somebody", "else").list())

    def check_delete(self):
        for name in self.names():
            assert self.client.delete(name) is None
        assert self.client.list() == []
        assert self.client.search(name="myjob") == []


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        bed = Bed(json.load(file), sys.argv[2])
    checks = (
        bed.check_own_test_bed,
        bed.check_run,
        bed.check_update,
        bed.check_delete_tasks,
        bed.check_dependency,
        bed.check_refusals,
        bed.check_delete,
    )
    for check in checks:
        check()
        print(check.__name__, "ok", flush=True)


main()
