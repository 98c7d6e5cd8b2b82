"""`python -m functions_host`."""

import sys

from functions_host.cli import main

sys.exit(main())
