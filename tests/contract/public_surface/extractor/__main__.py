"""The public surface of this checkout, as JSON on standard output: kind -> what there is of it.

``python tests/contract/public_surface/extractor`` with the connection string of an Azurite in SURFACE_STORAGE. In a
process of its own, because an app can be indexed once per process and telemetry set up once; the caller gives it an
environment without other settings.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[4]


def main() -> int:
    """Extract every kind, or say in one sentence which could not be and why."""
    argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0]).parse_args()
    storage = os.environ.pop("SURFACE_STORAGE")  # not an argument: those are for everybody to read
    sys.path.insert(1, str(ROOT))
    import app_index
    import azure_deployment
    import command_lines
    import databases
    import declared
    import one_day
    import source_text

    with tempfile.TemporaryDirectory(prefix="public-surface-") as folder:
        place = Path(folder)
        day = one_day.lived(storage, place)
        app = app_index.indexed()
        kinds: dict[str, Callable[[], Any]] = {
            "command_lines": command_lines.every_command_line,
            "exit_codes": lambda: command_lines.exit_codes(place),
            "settings": lambda: {"function_app": app.settings, "environment": source_text.variables()},
            "functions": lambda: app.functions,
            "openapi": lambda: app.openapi,
            "http_answers": lambda: day.answers,
            "durable": lambda: day.orchestration,
            "storage": lambda: {
                "written by the agent": declared.blob_of_a_file(),
                **day.blobs,
                "queues of the host": source_text.queues(),
            },
            "database": lambda: databases.of_both_dialects(place),
            "reasons": source_text.reasons,
            "logs": source_text.logs,
            "telemetry": lambda: {**day.telemetry, "agent (Prometheus)": declared.prometheus()},
            "outputs": lambda: declared.outputs(place),
            "files": lambda: {**declared.folders(place), "state of the host": day.host_state},
            "host": lambda: {"routes": day.host_routes, **declared.testing_kit()},
            "deployment": azure_deployment.described,
        }
        print(json.dumps({name: extract() for name, extract in kinds.items()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
