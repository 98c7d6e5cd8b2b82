#!/usr/bin/env python3
"""The one entry to the pipeline: ``python3 pipeline.py demo``, ``python3 pipeline.py test``, ``--help`` for the rest.

Standard library only. This file stays readable by any Python, so that an old one gets a sentence
instead of a syntax error; what it does is in local_stack/.
"""

import os
import sys

OLDEST, NEWEST = (3, 11), (3, 13)


def main():
    """Check the interpreter, then hand over to local_stack."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        sys.stderr.write(
            "pipeline.py needs Python %d.%d to %d.%d; this is Python %d.%d (%s).\n"
            "Remedy: install one of them and run it by name, for example: python3.12 pipeline.py %s\n"
            % (OLDEST + NEWEST + tuple(sys.version_info[:2]) + (sys.executable, " ".join(sys.argv[1:])))
        )
        return 2
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    from local_stack.command_line import main as run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
