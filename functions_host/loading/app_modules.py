"""Import one app without another app's modules getting in its way.

The worker puts the app's root last on sys.path (contract A). In a test process several apps, each with a
`function_app.py`, take turns: other modules with names of this root's are stashed while it is loaded.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from functions_host.loading.deferred import registry


class AppModules:
    """The app's root on sys.path. `first`: before everything else, with other modules of the same names stashed."""

    def __init__(self, root: Path, *, first: bool) -> None:
        self._entry = str(root)
        self._names = _module_names(root) if first else frozenset()
        self._stashed: dict[str, ModuleType] = self._pop()
        self._converters_stashed = self._pop_converters()
        if first:
            sys.path.insert(0, self._entry)
        elif self._entry not in sys.path:
            sys.path.append(self._entry)

    def close(self) -> None:
        """Forget the app's modules and put back what was stashed."""
        if self._entry in sys.path:
            sys.path.remove(self._entry)
        self._pop()
        self._pop_converters()
        sys.modules.update(self._stashed)
        if self._converters_stashed:
            _converters().update(self._converters_stashed)

    def _pop(self) -> dict[str, ModuleType]:
        mine = [name for name in sys.modules if name.partition(".")[0] in self._names]
        return {name: sys.modules.pop(name) for name in mine}

    def _pop_converters(self) -> dict[str, Any]:
        """Its converters of SDK types: the package registers them once, and refuses a second app's."""
        known = _converters()
        mine = [name for name, found in known.items() if found.__module__.partition(".")[0] in self._names]
        return {name: known.pop(name) for name in mine}


def _converters() -> dict[str, Any]:
    known = registry()
    return {} if known is None else known._bindings


def _module_names(root: Path) -> frozenset[str]:
    """Top-level modules the root provides; the host's own package is never among them."""
    files = {path.stem for path in root.glob("*.py")}
    packages = {path.parent.name for path in root.glob("*/__init__.py")}
    return frozenset((files | packages) - {"functions_host", "conftest", "tests"})
