"""Makes Monasca's database: make_monasca_database.py <socket of MariaDB> <name> <configuration file>."""

import sys

import pymysql
from monasca_api.cmd.monasca_db import main

socket, name, config = sys.argv[1:4]
connection = pymysql.connect(unix_socket=socket, user="root")
with connection.cursor() as cursor:
    cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
connection.close()

sys.argv[1:] = ["--config-file", config, "upgrade"]
main()

# monasca-notification, which does not run here, enters them when it starts.
connection = pymysql.connect(unix_socket=socket, user="root", database=name)
with connection.cursor() as cursor:
    cursor.executemany("INSERT INTO notification_method_type (name) VALUES (%s)", [("EMAIL",), ("WEBHOOK",), ("PAGERDUTY",)])
connection.commit()
connection.close()
