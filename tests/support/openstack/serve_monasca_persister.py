"""Runs monasca-persister: serve_monasca_persister.py --config-file <file>.

It writes in a process of its own, which would live on when this one is killed.
"""

import ctypes
import os
import signal

from monasca_persister.persister import main

PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)
os.register_at_fork(after_in_child=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))

main()
