"""Serves Keystone's public interface: serve_keystone.py <address> <port>."""

import sys

address, port = sys.argv[1:3]
# Keystone reads its own options from the arguments of the process.
del sys.argv[1:]

from keystone.wsgi.api import application  # noqa: E402
from waitress import serve  # noqa: E402

# One request at a time: SQLite refuses two that write.
serve(application, host=address, port=int(port), threads=1)
