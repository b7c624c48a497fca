"""Drives a Marathon interface by the marathon client and asserts what its users rely on.

usage: marathon_python.py CREDENTIALS-FILE 1.1|1.4|1.5
"""

import collections
import collections.abc
import json
import logging
import sys
import threading
import time

import marathon
from marathon.exceptions import ConflictError, MarathonHttpError, NotFoundError
from marathon.models import MarathonApp, MarathonGroup
from marathon.models.app import MarathonUpgradeStrategy

# The client is older than Python 3.10, which took this name away.
collections.Iterable = collections.abc.Iterable
# Refusals are expected here, and are logged as errors by the client.
logging.getLogger("marathon").setLevel(logging.CRITICAL)


def eventually(what, holds, seconds=30):
    patience = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < patience, "waited in vain until " + what
        time.sleep(0.05)


def refused(kind, call):
    try:
        call()
    except kind as refusal:
        return refusal
    raise AssertionError("nothing was refused")


class Listener(threading.Thread):
    """Collects the events of a stream."""

    def __init__(self, client, **parameters):
        super().__init__(daemon=True)
        self.stream = client.event_stream(**parameters)
        self.events = []
        self.start()

    def run(self):
        for event in self.stream:
            self.events.append(event)

    def kinds(self):
        return [event.event_type for event in self.events]

    def await_kind(self, kind, holds=lambda event: True):
        found = lambda: [event for event in self.events if event.event_type == kind and holds(event)]
        eventually("there is a " + kind, found)
        return found()[0]


class Bed:
    def __init__(self, credentials, version):
        self.version = version
        self.credentials = credentials
        self.client = self.connect(credentials["user"], credentials["password"])

    def connect(self, user, password):
        return marathon.MarathonClient(self.credentials["url"], username=user, password=password, timeout=10)

    def at_rest(self):
        eventually("no deployment is left", lambda: self.client.list_deployments() == [])

    def running(self, app):
        return [task for task in self.client.list_tasks(app) if task.started_at is not None]

    def check_service(self):
        assert self.client.ping().strip() == b"pong"
        info = self.client.get_info()
        full = {"1.1": "1.1.1", "1.4": "1.4.1", "1.5": "1.5.6"}[self.version]
        assert (info.version, info.name, info.elected) == (full, "marathon", True), info
        assert self.client.get_leader() == {"leader": info.leader}
        metrics = self.client.get_metrics()
        assert "version" in metrics and "gauges" in metrics
        assert self.client.list_apps() == [] and self.client.list_tasks() == []

    def check_create(self):
        """The client's own test app, with the events of its creation."""
        listener = Listener(self.client)
        attached = listener.await_kind("event_stream_attached")
        assert attached.remote_address == "127.0.0.1"
        app = MarathonApp(cmd="sleep 3600", mem=16, cpus=0.1, instances=5, labels={"owner": "zeus"})
        created = self.client.create_app("test-app", app)
        assert created and created.id == "/test-app" and created.instances == 5, created
        deployments = self.client.list_deployments()
        assert len(deployments) == 1 and deployments[0].affected_apps == ["/test-app"], deployments
        assert [d.id for d in created.deployments] == [deployments[0].id]
        refused(ConflictError, lambda: self.client.scale_app("test-app", instances=2))
        conflict = refused(ConflictError, lambda: self.client.create_app("test-app", app))
        assert conflict.error_message == "An app with id [/test-app] already exists.", conflict
        success = listener.await_kind("deployment_success", lambda event: event.id == deployments[0].id)
        assert success.timestamp
        posted = listener.await_kind("api_post_event")
        assert posted.app_definition["id"] == "/test-app" and posted.uri == "/v2/apps"
        status = listener.await_kind("status_update_event")
        assert (status.app_id, status.task_status) == ("/test-app", "TASK_RUNNING")
        listener.await_kind("deployment_info")
        self.at_rest()

    def check_get(self):
        app = self.client.get_app("test-app", embed_tasks=True)
        assert (app.tasks_running, app.tasks_staged, len(app.tasks), app.deployments) == (5, 0, 5, []), app
        assert (app.cpus, app.mem, app.cmd, app.labels) == (0.1, 16, "sleep 3600", {"owner": "zeus"})
        assert (app.upgrade_strategy.minimum_health_capacity, app.backoff_factor) == (1, 1.15)
        if self.version == "1.5":
            assert app.networks == [{"mode": "host"}] and len(app.port_definitions) == 1
        else:
            assert app.networks is None and len(app.ports) == 1
        ids = lambda **query: [app.id for app in self.client.list_apps(**query)]
        assert ids() == ids(cmd="SLEEP") == ids(app_id="test") == ids(label="owner==zeus") == ["/test-app"]
        assert ids(cmd="other") == ids(label="owner==hera") == []
        assert len(self.client.list_apps(embed_tasks=True)[0].tasks) == 5
        refused(NotFoundError, lambda: self.client.get_app("nobody"))

    def check_tasks(self):
        tasks = self.client.list_tasks("test-app")
        assert len(tasks) == 5 and len({task.ports[0] for task in tasks}) == 5
        assert {task.app_id for task in tasks} == {"/test-app"}
        assert [task.state for task in tasks] == ([None] if self.version == "1.1" else ["TASK_RUNNING"]) * 5
        killed = self.client.kill_task("test-app", tasks[0].id)
        assert killed.id == tasks[0].id
        gone = lambda: tasks[0].id not in [task.id for task in self.client.list_tasks()]
        eventually("it is gone", gone)
        eventually("it is replaced", lambda: len(self.running("test-app")) == 5)
        self.at_rest()
        victim = self.client.list_tasks("test-app")[1].id
        result = self.client.kill_task("test-app", victim, scale=True)
        assert "deploymentId" in result, result
        self.at_rest()
        assert self.client.get_app("test-app").instances == 4
        given = [task.id for task in self.client.list_tasks("test-app")][:2]
        assert self.client.kill_given_tasks(given, scale=True)
        self.at_rest()
        assert self.client.get_app("test-app").instances == 2
        assert not set(given) & {task.id for task in self.client.list_tasks("test-app")}
        killed = {task.id for task in self.client.kill_tasks("test-app")}
        assert len(killed) == 2
        replaced = lambda: len([task for task in self.running("test-app") if task.id not in killed]) == 2
        eventually("all are replaced", replaced)
        endpoints = self.client.list_endpoints()
        assert len(endpoints) == 2, endpoints

    def check_update(self):
        self.at_rest()
        strategy = MarathonUpgradeStrategy(minimum_health_capacity=0, maximum_over_capacity=0)
        before = self.client.get_app("test-app").version
        result = self.client.update_app("test-app", MarathonApp(cpus=0.2, upgrade_strategy=strategy))
        assert set(result) == {"version", "deploymentId"}, result
        self.at_rest()
        app = self.client.get_app("test-app")
        assert (app.cpus, app.mem, app.version, app.cmd) == (0.2, 16, result["version"], "sleep 3600")
        assert app.upgrade_strategy.minimum_health_capacity == 0
        assert {task.version for task in self.client.list_tasks("test-app")} == {result["version"]}
        versions = self.client.list_versions("test-app")
        assert versions[0] == result["version"] and before in versions
        old = self.client.get_version("test-app", before)
        assert (old.cpus, old.id) == (0.1, "/test-app")
        self.client.rollback_app("test-app", before)
        self.at_rest()
        assert self.client.get_app("test-app").cpus == 0.1

    def check_scale(self):
        self.client.scale_app("test-app", instances=3)
        self.at_rest()
        assert len(self.running("test-app")) == 3
        self.client.scale_app("test-app", delta=-2)
        self.at_rest()
        assert len(self.running("test-app")) == 1
        before = self.client.list_tasks("test-app")[0].id
        self.client.restart_app("test-app")
        self.at_rest()
        assert self.client.list_tasks("test-app")[0].id != before

    def check_deployments(self):
        """One that cannot end, for nothing is that large."""
        result = self.client.update_app("test-app", MarathonApp(cpus=100))
        assert [item.app.id for item in self.client.list_queue()] == ["/test-app"]
        back = self.client.delete_deployment(result["deploymentId"])
        assert back["deploymentId"] != result["deploymentId"]
        self.at_rest()
        assert self.client.get_app("test-app").cpus == 0.1
        result = self.client.update_app("test-app", MarathonApp(cpus=100))
        refused(ConflictError, lambda: self.client.update_app("test-app", MarathonApp(cpus=0.3)))
        assert self.client.delete_deployment(result["deploymentId"], force=True) == {}
        self.at_rest()
        self.client.update_app("test-app", MarathonApp(cpus=0.1), force=True)
        self.at_rest()
        eventually("it runs again", lambda: len(self.running("test-app")) == 1)
        refused(NotFoundError, lambda: self.client.delete_deployment("nobody"))

    def check_events_by_type(self):
        listener = Listener(self.client, event_types=["status_update_event"])
        # 1.1 takes no filter; from 1.4 on the first event is filtered out too.
        if self.version == "1.1":
            listener.await_kind("event_stream_attached")
        else:
            time.sleep(1)
        self.client.restart_app("test-app")
        listener.await_kind("status_update_event", lambda event: event.task_status == "TASK_RUNNING")
        self.at_rest()
        assert (set(listener.kinds()) == {"status_update_event"}) == (self.version != "1.1"), listener.kinds()

    def check_relaunch(self):
        """Whatever its exit code, a task is launched again, after its delay."""
        app = MarathonApp(cmd="sleep 0.2", cpus=0.1, mem=16, backoff_seconds=600)
        self.client.create_app("short", app)
        self.at_rest()
        waiting = lambda: [item for item in self.client.list_queue() if item.app.id == "/short"]
        eventually("it waits", waiting)
        assert 500 < waiting()[0].delay.time_left_seconds <= 600, waiting()[0].delay
        assert self.client.list_tasks("short") == []
        self.client.reset_delay("short")
        eventually("it is launched again", lambda: self.client.list_tasks("short"))

    def check_groups(self):
        member = MarathonApp(id="member", cmd="sleep 3600", cpus=0.1, mem=16, instances=1)
        self.client.create_group(MarathonGroup(id="/team", apps=[member]))
        self.at_rest()
        group = self.client.get_group("team")
        assert (group.id, [app.id for app in group.apps]) == ("/team", ["/team/member"])
        assert "/team" in [group.id for group in self.client.list_groups()]
        assert len(self.running("team/member")) == 1
        self.client.scale_group("team", 2)
        self.at_rest()
        assert self.client.get_app("team/member").instances == 2
        self.client.delete_group("team")
        self.at_rest()
        refused(NotFoundError, lambda: self.client.get_app("team/member"))

    def check_refusals(self):
        bad = {"cmd": "true", "cpus": "1"}
        answer = refused(MarathonHttpError, lambda: self.client._do_request("PUT", "/v2/apps/bad", data=json.dumps(bad)))
        assert answer.status_code == (422 if self.version == "1.5" else 400), answer
        assert answer.error_details == [{"path": "/cpus", "errors": ["error.expected.jsnumber"]}], answer
        refused(MarathonHttpError, lambda: self.connect("somebody", "else").list_apps())

    def check_delete(self):
        for app in self.client.list_apps():
            result = self.client.delete_app(app.id)
            assert "deploymentId" in result
        eventually("all tasks are gone", lambda: self.client.list_tasks() == [])
        self.at_rest()
        assert self.client.list_apps() == []


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        bed = Bed(json.load(file), sys.argv[2])
    checks = (
        bed.check_service,
        bed.check_create,
        bed.check_get,
        bed.check_tasks,
        bed.check_update,
        bed.check_scale,
        bed.check_deployments,
        bed.check_events_by_type,
        bed.check_relaunch,
        bed.check_groups,
        bed.check_refusals,
        bed.check_delete,
    )
    for check in checks:
        check()
        print(check.__name__, "ok", flush=True)


main()
