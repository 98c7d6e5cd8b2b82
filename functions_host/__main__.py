"""`python -m functions_host`."""

import logging
import os
import sys

from functions_host.cli import main

code = main()
logging.shutdown()
sys.stdout.flush()
sys.stderr.flush()
# A `def` function that never returns keeps its thread, and Python would wait for it: leave without asking.
os._exit(code)
