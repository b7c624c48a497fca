"""The configuration files of the components, and the addresses in Keystone's catalogue."""

import getpass
import grp
import os
import sqlite3
import tempfile
from contextlib import contextmanager
from pathlib import Path

DATABASE = "mon"

ADMIN_PASSWORD = "admin of the tests"
SERVICE_PASSWORD = "monasca of the tests"

# Seconds for which monasca-api believes what it was once told about a token; usually 300.
TOKEN_CACHE = 8

# In the catalogue of the template, where the real ones are not known yet.
KEYSTONE_PLACE = "http://keystone.invalid"
MONASCA_PLACE = "http://monasca.invalid"


def me():
    return getpass.getuser()


def my_group():
    return grp.getgrgid(os.getgid()).gr_name


@contextmanager
def short_directory():
    """A socket's path may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="openstack-") as directory:
        yield Path(directory)


def keystone(directory, lifetime):
    return f"""\
[DEFAULT]
use_stderr = true
[database]
connection = sqlite:///{directory}/keystone.db
[token]
provider = fernet
expiration = {lifetime}
allow_expired_window = 0
[fernet_tokens]
key_repository = {directory}/fernet-keys
[credential]
key_repository = {directory}/credential-keys
[cache]
enabled = false
[identity]
# Logins are cheap: nothing here is a secret.
password_hash_rounds = 4
"""


def move_endpoints(database, keystone_url, monasca_url):
    """Writes where Keystone and Monasca are into a copy of the template."""
    connection = sqlite3.connect(database)
    # Stays with the file: readers and a writer do not lock each other out.
    connection.execute("PRAGMA journal_mode=WAL")
    with connection:
        for place, url in ((KEYSTONE_PLACE, keystone_url), (MONASCA_PLACE, monasca_url)):
            connection.execute("UPDATE endpoint SET url = replace(url, ?, ?)", (place, url))
    connection.close()


def influxdb(directory, port):
    return f"""\
reporting-disabled = true
bind-address = "127.0.0.1:0"
[meta]
dir = "{directory}/meta"
[data]
dir = "{directory}/data"
wal-dir = "{directory}/wal"
[http]
bind-address = "127.0.0.1:{port}"
log-enabled = false
[monitor]
store-enabled = false
"""


def sql(socket):
    return f"mysql+pymysql://root@localhost/{DATABASE}?charset=utf8mb4&unix_socket={socket}"


def monasca_database(socket):
    """All that the command which makes the schema reads."""
    return f"[database]\nconnection = {sql(socket)}\n"


def monasca_api(kafka, influxdb_port, socket, keystone_url):
    return f"""\
[DEFAULT]
region = RegionOne
use_stderr = true
[messaging]
driver = monasca_api.common.messaging.kafka_publisher:KafkaPublisher
[kafka]
uri = {kafka}
[influxdb]
database_name = {DATABASE}
ip_address = 127.0.0.1
port = {influxdb_port}
user = monasca
password = monasca
[database]
connection = {sql(socket)}
[keystone_authtoken]
token_cache_time = {TOKEN_CACHE}
www_authenticate_uri = {keystone_url}
auth_url = {keystone_url}
auth_type = password
project_domain_id = default
user_domain_id = default
project_name = service
username = monasca
password = {SERVICE_PASSWORD}
"""


MONASCA_API_PIPELINE = """\
[DEFAULT]
name = monasca_api
[pipeline:main]
pipeline = request_id auth api
[app:api]
paste.app_factory = monasca_api.api.server:launch
[filter:auth]
paste.filter_factory = monasca_api.healthcheck.keystone_protocol:filter_factory
[filter:request_id]
paste.filter_factory = oslo_middleware.request_id:RequestId.factory
"""


def monasca_persister(kafka, influxdb_port):
    # Written after a second at the latest, where thirty are usual.
    return f"""\
[DEFAULT]
use_stderr = true
[kafka]
num_processors = 1
max_wait_time_seconds = 1
[kafka_metrics]
uri = {kafka}
batch_size = 500
[kafka_alarm_history]
enabled = false
uri = {kafka}
[kafka_events]
enabled = false
uri = {kafka}
[influxdb]
database_name = {DATABASE}
ip_address = 127.0.0.1
port = {influxdb_port}
user = monasca
password = monasca
"""
