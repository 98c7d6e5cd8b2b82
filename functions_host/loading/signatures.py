"""The Python worker's load checks: parameters against bindings, annotations against converters.

Same outcomes as `azure_functions_runtime` (contract E); a test on Python 3.13 compares them.
"""

from __future__ import annotations

import collections.abc
import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from azure.functions.meta import Datum
from azure.functions.meta import _ConverterMeta as ConverterRegistry

from functions_host.errors import StartRefusedError
from functions_host.loading.deferred import deferred_converter, is_deferred
from functions_host.loading.functions import TRIGGER_KINDS, Binding, Parameter


@dataclass(frozen=True)
class Signature:
    """What the checks find out about a function."""

    wants_context: bool
    inputs: Mapping[str, Parameter]
    outputs: Mapping[str, Parameter]
    returns: Parameter | None


def check_signature(name: str, call: Callable[..., Any], bindings: Sequence[Binding]) -> Signature:
    """Raise StartRefusedError where the worker would refuse to load the function."""
    annotations = _annotations(name, call)
    parameters = set(inspect.signature(call).parameters)
    bound = {binding.name: binding for binding in bindings if binding.name != "$return"}
    wants_context = _wants_context(name, parameters, bound, annotations)
    parameters -= {"context"} if wants_context else set()
    if extra := sorted(parameters - set(bound)):
        raise StartRefusedError(name, f"parameters declared in Python but not bound by a decorator: {extra}")
    if missing := sorted(set(bound) - parameters):
        raise StartRefusedError(name, f"bindings without a parameter of that name in Python: {missing}")
    inputs: dict[str, Parameter] = {}
    outputs: dict[str, Parameter] = {}
    for parameter in bound.values():
        checked = _parameter(name, parameter, annotations)
        (outputs if parameter.is_output else inputs)[parameter.name] = checked
    return Signature(wants_context, inputs, outputs, _returns(name, bindings, annotations))


def converter_of(binding_type: str) -> Any:
    """The SDK's converter class for a binding type, or the generic one."""
    return ConverterRegistry.get(binding_type) or GenericBinding  # type: ignore[no-untyped-call]


def _annotations(name: str, call: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(call)
    except Exception as error:
        raise StartRefusedError(name, f"its annotations cannot be evaluated: {error}") from error


def _wants_context(
    name: str, parameters: set[str], bound: Mapping[str, Binding], annotations: Mapping[str, Any]
) -> bool:
    if "context" not in parameters or "context" in bound:
        return False
    annotation = annotations.get("context")
    if annotation is not None and getattr(annotation, "__name__", None) != "Context":
        raise StartRefusedError(name, 'the "context" parameter must be of type azure.functions.Context')
    return True


def _parameter(name: str, binding: Binding, annotations: Mapping[str, Any]) -> Parameter:
    annotation = annotations.get(binding.name)
    is_out = getattr(typing.get_origin(annotation) or annotation, "__name__", None) == "Out"
    if annotation is not None and is_out != binding.is_output:
        wanted, direction = ("not ", "in") if is_out else ("", "out")
        raise StartRefusedError(
            name, f'{binding.name!r} has direction "{direction}", so it must {wanted}be azure.functions.Out'
        )
    if is_out:
        arguments = typing.get_args(annotation)
        if len(arguments) != 1:
            raise StartRefusedError(name, f"{binding.name!r} has an invalid Out annotation {annotation!r}")
        annotation = arguments[0]
    try:
        deferred = is_deferred(annotation)
    except TypeError:  # issubclass() on a union: with SDK types in the app the worker fails to load here
        raise StartRefusedError(
            name, f"the Python worker does not accept the annotation {annotation!r} of {binding.name!r}"
        ) from None
    return Parameter(
        _checked_converter(name, binding, annotation, deferred),
        annotation,
        is_trigger=binding.type in TRIGGER_KINDS,
        deferred=deferred,
    )


def _checked_converter(name: str, binding: Binding, annotation: Any, deferred: bool) -> Any:
    converter = converter_of(binding.type)
    if deferred:
        converter = deferred_converter(binding.type) or GenericBinding
    if annotation is None:
        return converter
    if not isinstance(annotation, type) and not _is_typing_generic(annotation):
        raise StartRefusedError(
            name,
            f"the Python worker does not accept the annotation {annotation!r} of {binding.name!r}: use a plain class"
            " (dict, not dict[str, int]) or none",
        )
    if annotation in (str, bytes) and not _implicit_output(converter):
        converter = GenericBinding
    check = (
        converter.check_output_type_annotation if binding.is_output else converter.check_input_type_annotation
    )
    try:
        accepted = check(annotation)
    except TypeError:  # issubclass() on a typing construct: the worker fails to load here too
        accepted = False
    if not accepted:
        raise StartRefusedError(
            name,
            f'the annotation of {binding.name!r}, {annotation!r}, does not suit its binding "{binding.type}"',
        )
    return converter


def _is_typing_generic(annotation: Any) -> bool:
    """`typing.List[int]` counts, `list[int]`, unions, tuples and callables do not: the worker's own distinction."""
    origin = typing.get_origin(annotation)
    if origin is None or isinstance(annotation, (types.GenericAlias, types.UnionType)):
        return False
    return origin not in (typing.Union, tuple, typing.ClassVar, collections.abc.Callable)


def _implicit_output(converter: Any) -> bool:
    return bool(getattr(converter, "has_implicit_output", lambda: False)())


def _returns(name: str, bindings: Sequence[Binding], annotations: Mapping[str, Any]) -> Parameter | None:
    explicit = next((binding for binding in bindings if binding.name == "$return"), None)
    annotation = annotations.get("return")
    if explicit is None:
        implicit = next((b for b in bindings if _implicit_output(converter_of(b.type))), None)
        return Parameter(converter_of(implicit.type), annotation) if implicit else None
    if not explicit.is_output:
        raise StartRefusedError(name, '"$return" must have direction "out"')
    converter = converter_of(explicit.type)
    if "return" in annotations:
        if not isinstance(annotation, type):
            raise StartRefusedError(name, f"invalid non-type return annotation {annotation!r}")
        if not converter.check_output_type_annotation(annotation):
            raise StartRefusedError(
                name, f'the return annotation {annotation.__name__} does not suit binding "{explicit.type}"'
            )
    return Parameter(converter, annotation)


class GenericBinding:
    """The converter of parameters annotated `str` or `bytes`: the value as it came.

    The worker falls back to it for such annotations (contract C4); azure.functions does not ship it.
    """

    @classmethod
    def check_input_type_annotation(cls, pytype: type) -> bool:
        return issubclass(pytype, (str, bytes))

    @classmethod
    def check_output_type_annotation(cls, pytype: type) -> bool:
        return issubclass(pytype, (str, bytes, bytearray))

    @classmethod
    def decode(cls, data: Datum, *, trigger_metadata: Any) -> Any:
        if data.type in ("string", "bytes", "json", None):
            return data.value
        raise ValueError(f"unexpected type of data for a generic binding: {data.type!r}")

    @classmethod
    def encode(cls, obj: Any, *, expected_type: type | None) -> Datum:
        if isinstance(obj, str):
            return Datum(obj, "string")
        if isinstance(obj, (bytes, bytearray)):
            return Datum(bytes(obj), "bytes")
        if obj is None:
            return Datum(None, None)
        raise NotImplementedError
