"""Durable Functions on one computer: the out-of-process protocol of SDK 1.x over a SQLite file.

Source of every rule: docs/functions-host-contract.md (contract B, F); its way of working: docs/engine.md.
"""

from functions_host.durable.catalog import FunctionCatalog
from functions_host.durable.engine import DurableEngine
from functions_host.durable.errors import (
    DurableError,
    HubInUseError,
    HubMismatchError,
    HubNewerError,
    OptionsError,
)
from functions_host.durable.options import DurableOptions

__all__ = [
    "DurableEngine",
    "DurableError",
    "DurableOptions",
    "FunctionCatalog",
    "HubInUseError",
    "HubMismatchError",
    "HubNewerError",
    "OptionsError",
]
