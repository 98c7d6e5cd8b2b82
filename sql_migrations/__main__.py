"""``python -m sql_migrations``."""

import sys

from sql_migrations.cli import main

sys.exit(main(sys.argv[1:]))
