"""Everybody who logs in, and what they may do."""

import json
import urllib.request

import settings

PROJECT = "myproject"

# Name, password, role on the project; without a role no login to it works.
PEOPLE = (
    ("user_monasca", "123456", "monasca-user"),
    ("agent", "agent of the tests", "monasca-agent"),
    ("reader", "reader of the tests", "monasca-read-only-user"),
    # Gets a token, and may do nothing in Monasca with it.
    ("member", "member of the tests", "member"),
    ("stranger", "stranger of the tests", None),
)

DOMAIN = {"id": "default"}


class Api:
    """Keystone as its administrator sees it."""

    def __init__(self, url):
        self.url, self.token = url, None
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        user = {"name": "admin", "domain": DOMAIN, "password": settings.ADMIN_PASSWORD}
        identity = {"methods": ["password"], "password": {"user": user}}
        scope = {"project": {"name": "admin", "domain": DOMAIN}}
        headers, _ = self.call("POST", "/auth/tokens", {"auth": {"identity": identity, "scope": scope}})
        self.token = headers["X-Subject-Token"]

    def call(self, method, path, body=None):
        request = urllib.request.Request(self.url + "/v3" + path, method=method)
        request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("X-Auth-Token", self.token)
        with self.opener.open(request, None if body is None else json.dumps(body).encode(), timeout=60) as answer:
            text = answer.read()
            return answer.headers, json.loads(text) if text else None

    def make(self, kind, **fields):
        return self.call("POST", f"/{kind}s", {kind: fields})[1][kind]["id"]

    def role(self, name):
        found = self.call("GET", f"/roles?name={name}")[1]["roles"]
        return found[0]["id"] if found else self.make("role", name=name)

    def grant(self, project, user, role):
        self.call("PUT", f"/projects/{project}/users/{user}/roles/{self.role(role)}")


def make(url):
    api = Api(url)
    project = api.make("project", name=PROJECT, domain_id="default")
    for name, password, role in PEOPLE:
        user = api.make("user", name=name, password=password, domain_id="default")
        if role:
            api.grant(project, user, role)
    service = api.make("project", name="service", domain_id="default")
    monasca = api.make("user", name="monasca", password=settings.SERVICE_PASSWORD, domain_id="default")
    # It looks up the tokens of others.
    api.grant(service, monasca, "admin")
    entry = api.make("service", name="monasca", type="monitoring")
    url = settings.MONASCA_PLACE + "/v2.0"
    api.make("endpoint", service_id=entry, interface="public", region_id="RegionOne", url=url)
