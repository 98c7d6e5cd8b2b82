"""For ``spark-submit local_agent/submit.py upload …``: the same command line, with a master of spark-submit's."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from local_agent.cli import main

if __name__ == "__main__":
    sys.exit(main())
