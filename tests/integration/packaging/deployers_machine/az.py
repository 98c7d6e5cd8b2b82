"""Azure's command line on the deployer's machine, as the hooks and azure-identity call it: it is signed in.

Every call is appended to DEPLOYMENT_LOG, one JSON object a line, as the stand-in for pyodbc does.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

words = sys.argv[1:]
with Path(os.environ["DEPLOYMENT_LOG"]).open("a", encoding="utf-8") as log:
    log.write(json.dumps({"az": words}) + "\n")

if words[:2] == ["account", "get-access-token"]:
    print(
        json.dumps({"accessToken": "token-of-the-deployer", "expiresOn": "2099-01-01 00:00:00.000000",
                    "expires_on": 4070908800, "subscription": "s", "tenant": "t", "tokenType": "Bearer"})
    )  # fmt: skip
elif words[:3] == ["deployment", "group", "create"]:
    template = Path(words[words.index("--template-file") + 1])
    if not template.is_file():
        sys.exit(f"ERROR: {template} does not exist")
elif words[:3] != ["sql", "server", "firewall-rule"]:
    sys.exit(f"ERROR: '{' '.join(words)}' is misspelled or not recognized by the system.")
