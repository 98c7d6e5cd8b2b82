"""Deferred binding: parameters of an SDK type get a reference instead of the content (contract C4b).

The app brings `azurefunctions-extensions-base` and registers a converter there; the host needs neither. Modelled on
worker 4.34 (Python 3.11 and 3.12) and azure-functions-runtime 1.3 (3.13). Azure needs Python worker 4.28 (April 2024)
or newer for it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from azure.functions.meta import Datum

from functions_host.loading.functions import Binding, Parameter

_BASE = "azurefunctions.extensions.base"
_EXPRESSION = re.compile(r"\{(.*?)\}")
_MOST_KEPT = 10_000
_WORKER_KEEPS_VALUES = sys.version_info < (3, 13)


@dataclass(frozen=True)
class ModelBindingData:
    """The host's reference, with the attributes of the protocol's message; `content` is JSON."""

    version: str
    source: str
    content_type: str
    content: bytes


def registry() -> Any | None:
    """Where converters of SDK types are registered; None while nothing has imported the package.

    An SDK type cannot be annotated without its package, so call this after the app has been imported.
    """
    base = sys.modules.get(_BASE)
    return None if base is None else base.get_binding_registry()


def is_deferred(annotation: Any) -> bool:
    """Whether the worker defers a parameter of this annotation."""
    known = registry()
    return known is not None and bool(known.check_supported_type(annotation))


def deferred_converter(binding_type: str) -> Any | None:
    """The registered converter of SDK types for a binding; None if there is none."""
    known = registry()
    return None if known is None else known.get(binding_type)


def binding_with_expression(bindings: Iterable[Binding], trigger: Binding) -> Binding | None:
    """A binding beside the trigger that holds `{...}`: it makes the real host send the content after all.

    The worker still expects a reference, and fails on the bytes.
    """
    for binding in bindings:
        texts = [value for value in binding.properties.values() if isinstance(value, str)]
        if binding is not trigger and any(_EXPRESSION.search(text) for text in texts):
            return binding
    return None


class DeferredValues:
    """The values that converters made, reused for the same reference, as the worker does on Python 3.11 and 3.12.

    The key is parameter, type, content and function: the content names no version, so a second version of a blob gets
    the value of the first. A converter that returns None is asked again. Unlike the worker's, it does not grow without
    end. `keeps` False: as on Python 3.13, where nothing is kept.
    """

    def __init__(self, *, keeps: bool = _WORKER_KEEPS_VALUES) -> None:
        self._keeps = keeps
        self._values: dict[tuple[str, Any, bytes, str], Any] = {}

    def decode(
        self, function: str, name: str, parameter: Parameter, datum: Datum, metadata: Mapping[str, Datum]
    ) -> Any:
        """The parameter's value. Raises AttributeError for bytes in place of a reference, as the worker does."""
        if not self._keeps:
            return _decoded(parameter, datum, metadata)
        key = (name, parameter.annotation, datum.value.content, function)
        value = self._values.get(key)
        if value is None:
            value = _decoded(parameter, datum, metadata)
            if len(self._values) >= _MOST_KEPT:
                self._values.clear()
            self._values[key] = value
        return value


def _decoded(parameter: Parameter, datum: Datum, metadata: Mapping[str, Datum]) -> Any:
    return parameter.converter.decode(datum, trigger_metadata=metadata, pytype=parameter.annotation)
