"""The process's environment variables, changed for the time an app runs."""

from __future__ import annotations

import os
from collections.abc import Mapping


class ProcessEnvironment:
    """Applies variables; `restore` undoes exactly those."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        changed = {name: value for name, value in variables.items() if os.environ.get(name) != value}
        self._before = {name: os.environ.get(name) for name in changed}
        os.environ.update(changed)

    def restore(self) -> None:
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._before = {}
