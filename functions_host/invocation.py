"""Call the app's functions as the worker does: converters, thread pool for `def`, event loop for `async def`.

Source: contract E. This is the hot path of everything the host runs, so it does little per call.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from azure.functions.meta import Datum

from functions_host.errors import FunctionTimedOutError
from functions_host.functions import LoadedFunction
from functions_host.invocation_context import (
    THREAD_LOCAL,
    InvocationContext,
    TraceContext,
    fresh_trace_parent,
)
from functions_host.invocation_log import InvocationLog
from functions_host.output_parameter import OutputParameter

Metadata = Mapping[str, Datum]
_NO_METADATA: Metadata = {}

_log = logging.getLogger("functions_host.invocation")


class Invoker:
    """Runs functions and logs each invocation; `threads` is PYTHON_THREADPOOL_THREAD_COUNT (None: Python's)."""

    def __init__(self, threads: int | None, timeout_seconds: float | None, log: InvocationLog) -> None:
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="function")
        self._timeout = timeout_seconds
        self._log = log

    async def invoke(
        self,
        function: LoadedFunction,
        inputs: Mapping[str, Datum],
        metadata: Metadata = _NO_METADATA,
        *,
        subject: str = "",
        trace_parent: str = "",
    ) -> Datum | None:
        """Call it once; the datum of its return value, None when it has none.

        Raises what the function raised, TypeError for a value its binding cannot carry,
        FunctionTimedOutError after host.json's functionTimeout.
        """
        invocation_id = str(uuid.uuid4())
        context = InvocationContext(
            invocation_id,
            function.name,
            function.directory,
            TraceContext(trace_parent or (fresh_trace_parent() if function.wants_context else "")),
        )
        started = time.perf_counter()
        error = ""
        try:
            return await self._within_timeout(function, inputs, metadata, context)
        except asyncio.CancelledError:
            error = "cancelled: the host is stopping"
            raise
        except Exception as failure:
            error = f"{type(failure).__name__}: {failure}"
            if "$OutOfProcData$" not in error:  # an orchestrator's own failure carries its whole state
                _log.error("%s failed (invocation %s)", function.name, invocation_id, exc_info=failure)
            raise
        finally:
            seconds = time.perf_counter() - started
            self._log.finished(
                function.name,
                function.kind,
                invocation_id,
                seconds,
                error=error.partition("$OutOfProcData$")[0].strip(),
                subject=subject,
            )

    def close(self) -> None:
        """Give the threads back; a sync function still running is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _within_timeout(
        self,
        function: LoadedFunction,
        inputs: Mapping[str, Datum],
        metadata: Metadata,
        context: InvocationContext,
    ) -> Datum | None:
        try:
            async with asyncio.timeout(self._timeout) as limit:
                if function.is_async:
                    return await _call_async(function, inputs, metadata, context)
                return await asyncio.get_running_loop().run_in_executor(
                    self._pool, _call_sync, function, inputs, metadata, context
                )
        except TimeoutError:
            if limit.expired():  # not a TimeoutError of the function's own
                raise FunctionTimedOutError(
                    f"{function.name} ran longer than functionTimeout ({self._timeout:g} s)"
                ) from None
            raise


def _call_sync(
    function: LoadedFunction, inputs: Mapping[str, Datum], metadata: Metadata, context: InvocationContext
) -> Datum | None:
    THREAD_LOCAL.invocation_id = context.invocation_id
    try:
        arguments = _arguments(function, inputs, metadata, context)
        return _result(function, function.call(**arguments))
    except (SystemExit, KeyboardInterrupt, StopIteration) as escape:
        raise RuntimeError(f"{type(escape).__name__} raised by the function") from escape
    finally:
        THREAD_LOCAL.invocation_id = None


async def _call_async(
    function: LoadedFunction, inputs: Mapping[str, Datum], metadata: Metadata, context: InvocationContext
) -> Datum | None:
    try:
        arguments = _arguments(function, inputs, metadata, context)
        return _result(function, await function.call(**arguments))
    except (SystemExit, KeyboardInterrupt) as escape:  # would end the host's event loop
        raise RuntimeError(f"{type(escape).__name__} raised by the function") from escape


def _arguments(
    function: LoadedFunction, inputs: Mapping[str, Datum], metadata: Metadata, context: InvocationContext
) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for name, datum in inputs.items():
        parameter = function.inputs[name]
        arguments[name] = parameter.converter.decode(
            datum, trigger_metadata=metadata if parameter.is_trigger else _NO_METADATA
        )
    if function.wants_context:
        arguments["context"] = context
    for name in function.outputs:
        arguments[name] = OutputParameter()
    return arguments


def _result(function: LoadedFunction, value: Any) -> Datum | None:
    returns = function.returns
    if returns is None:
        if value is not None:
            raise RuntimeError(f"function {function.name!r} without a $return binding returned a value")
        return None
    try:
        encoded: Datum = returns.converter.encode(value, expected_type=returns.annotation)
    except NotImplementedError:
        raise TypeError(
            f"unable to encode outgoing TypedData: unsupported type for {type(value).__name__}"
        ) from None
    return encoded
