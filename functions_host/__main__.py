"""`python -m functions_host`."""

import logging
import os
import sys

from functions_host.cli import main


def run() -> None:
    """Run the command and end the process with its exit code."""
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # A `def` function that never returns keeps its thread, and Python would wait for it: leave without asking.
    os._exit(code)


if __name__ == "__main__":
    run()
