"""The converter for parameters annotated `str` or `bytes`: the value as it came.

The worker falls back to it for such annotations (contract C4); azure.functions does not ship it.
"""

from __future__ import annotations

from typing import Any

from azure.functions.meta import Datum


class GenericBinding:
    """Same interface as the converters of azure.functions."""

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
