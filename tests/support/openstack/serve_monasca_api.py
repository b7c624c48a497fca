"""Serves monasca-api: serve_monasca_api.py <address> <port> <directory with its two configuration files>."""

import os
import sys

address, port, etc = sys.argv[1:4]
# It parses the arguments of the process again when it is loaded.
sys.argv[1:] = ["--config-file", os.path.join(etc, "monasca-api.conf")]

from monasca_api.api.server import get_wsgi_app  # noqa: E402
from waitress import serve  # noqa: E402

serve(get_wsgi_app(config_base_path=etc), host=address, port=int(port), threads=8)
