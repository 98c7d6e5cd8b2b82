"""Call the app's functions as the worker does: converters, thread pool for `def`, event loop for `async def`.

Source: contract E. This is the hot path of everything the host runs, so it does little per call.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from azure.functions.meta import Datum

from functions_host.clock import SystemClock
from functions_host.errors import FunctionTimedOutError
from functions_host.invoking.arguments import (
    THREAD_LOCAL,
    InvocationContext,
    OutputParameter,
    TraceContext,
    fresh_trace_parent,
)
from functions_host.invoking.logs import InvocationLog
from functions_host.invoking.worker import Worker
from functions_host.loading.deferred import DeferredValues
from functions_host.loading.functions import LoadedFunction, Parameter

Metadata = Mapping[str, Datum]
_NO_METADATA: Metadata = {}

_log = logging.getLogger("functions_host.invocation")


class Invoker:
    """Runs functions and logs each invocation; `threads` is PYTHON_THREADPOOL_THREAD_COUNT (None: Python's)."""

    def __init__(
        self,
        threads: int | None,
        timeout_seconds: float | None,
        log: InvocationLog,
        worker: Worker | None = None,
    ) -> None:
        self._threads = threads
        self._pool = self._new_pool()
        self._timeout = timeout_seconds
        self._log = log
        self._worker = worker or Worker(SystemClock())
        self._worker.on_exit = self._replace_threads
        self._deferred = DeferredValues()

    async def invoke(
        self,
        function: LoadedFunction,
        inputs: Mapping[str, Datum],
        metadata: Metadata = _NO_METADATA,
        *,
        subject: str = "",
        trace_parent: str = "",
        on_loop: bool = False,
    ) -> Datum | None:
        """Call it once; the datum of its return value or output parameter, None when it has none.

        `on_loop` calls a sync function on the event loop: for what is known to be quick.

        Raises what the function raised, TypeError for a value its binding cannot carry,
        FunctionTimedOutError after host.json's functionTimeout, WorkerExitedError if the worker crashed under it.
        """
        invocation_id = _new_id()
        context = None
        if function.wants_context:
            trace = TraceContext(trace_parent or fresh_trace_parent())
            context = InvocationContext(invocation_id, function.name, function.directory, trace)
        call = _Call(function, inputs, metadata, invocation_id, context, self._deferred)
        started = time.perf_counter()
        error = ""
        try:
            if not self._worker.is_there:
                await self._worker.wait_for_worker()
            return await self._within_timeout(call, on_loop)
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
        """Release the threads; a sync function still running is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _within_timeout(self, call: _Call, on_loop: bool) -> Datum | None:
        if on_loop and not call.function.is_async:
            return _call_outside_the_loop(call)
        limit = asyncio.timeout(self._timeout)
        try:
            async with limit:
                self._worker.begin(limit)
                if call.function.is_async:
                    return await _call_async(call)
                return await asyncio.get_running_loop().run_in_executor(self._pool, _call_sync, call)
        except TimeoutError:
            if limit.expired():  # not a TimeoutError of the function's own
                await self._worker.check_lost(limit)
                raise FunctionTimedOutError(
                    f"{call.function.name} ran longer than functionTimeout ({self._timeout:g} s)"
                ) from None
            raise
        finally:
            self._worker.end(limit)

    def _new_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(max_workers=self._threads, thread_name_prefix="function")

    def _replace_threads(self) -> None:
        """Threads and cached values belong to the worker process: a new one starts without them."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = self._new_pool()
        self._deferred = DeferredValues()


class _Call(NamedTuple):
    """One invocation on its way to the function."""

    function: LoadedFunction
    inputs: Mapping[str, Datum]
    metadata: Metadata
    invocation_id: str
    context: InvocationContext | None
    deferred: DeferredValues


def _new_id() -> str:
    """A random UUID; made without asking the operating system, since an id is no secret."""
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def _call_sync(call: _Call) -> Datum | None:
    THREAD_LOCAL.invocation_id = call.invocation_id
    try:
        arguments = _arguments(call)
        return _result(call.function, call.function.call(**arguments), arguments)
    except (SystemExit, KeyboardInterrupt, StopIteration) as escape:
        raise RuntimeError(f"{type(escape).__name__} raised by the function") from escape
    finally:
        THREAD_LOCAL.invocation_id = None


def _call_outside_the_loop(call: _Call) -> Datum | None:
    """On the loop's thread, as if no loop ran there: in Azure a `def` function may use `asyncio.run`."""
    loop = asyncio.get_running_loop()
    asyncio._set_running_loop(None)
    try:
        return _call_sync(call)
    finally:
        asyncio._set_running_loop(loop)


async def _call_async(call: _Call) -> Datum | None:
    try:
        arguments = _arguments(call)
        return _result(call.function, await call.function.call(**arguments), arguments)
    except (SystemExit, KeyboardInterrupt) as escape:  # would end the host's event loop
        raise RuntimeError(f"{type(escape).__name__} raised by the function") from escape


def _arguments(call: _Call) -> dict[str, Any]:
    function = call.function
    arguments: dict[str, Any] = {}
    for name, datum in call.inputs.items():
        parameter = function.inputs[name]
        metadata = call.metadata if parameter.is_trigger else _NO_METADATA
        if parameter.deferred:
            arguments[name] = call.deferred.decode(function.name, name, parameter, datum, metadata)
        else:
            arguments[name] = parameter.converter.decode(datum, trigger_metadata=metadata)
    if function.wants_context:
        arguments["context"] = call.context
    for name in function.outputs:
        arguments[name] = OutputParameter()
    return arguments


def _result(function: LoadedFunction, value: Any, arguments: Mapping[str, Any]) -> Datum | None:
    """The datum of the return value, or of the `func.Out` parameter that carries the HTTP response instead."""
    returns = function.returns
    if returns is None:
        if value is not None:
            raise RuntimeError(f"function {function.name!r} without a $return binding returned a value")
        for name, parameter in function.outputs.items():
            if (value := arguments[name].get()) is not None:
                return _encoded(parameter, value)
        return None
    return _encoded(returns, value)


def _encoded(parameter: Parameter, value: Any) -> Datum:
    try:
        encoded: Datum = parameter.converter.encode(value, expected_type=parameter.annotation)
    except NotImplementedError:
        raise TypeError(
            f"unable to encode outgoing TypedData: unsupported type for {type(value).__name__}"
        ) from None
    return encoded
