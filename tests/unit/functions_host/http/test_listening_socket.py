"""The listener: silent clients are cut off, others are not."""

from __future__ import annotations

import asyncio
import io
import logging

from aiohttp import web

from functions_host import triggers
from functions_host.http.listening_socket import ListeningSocket
from functions_host.invoking.logs import InvocationLog


async def hello(request: web.Request) -> web.Response:
    return web.Response(text="hello")


async def test_client_that_never_finishes_its_headers_is_cut_off() -> None:
    application = web.Application()
    application.router.add_get("/", hello)
    listener = ListeningSocket("127.0.0.1", 0, header_seconds=0.1)
    await listener.start(application)
    port = int(listener.origin.rpartition(":")[2])
    silent, silent_writer = await asyncio.open_connection("127.0.0.1", port)
    spoken, spoken_writer = await asyncio.open_connection("127.0.0.1", port)
    silent_writer.write(b"GET / HTTP/1.1\r\nHost: ")
    spoken_writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await spoken.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
    try:
        cut_off = await silent.read()
    except ConnectionResetError:
        cut_off = b""
    assert cut_off == b""
    spoken_writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await spoken.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
    spoken_writer.close()
    silent_writer.close()
    await listener.stop(0.1)


async def test_second_request_that_never_finishes_its_headers_is_cut_off_as_the_first_is() -> None:
    application = web.Application()
    application.router.add_get("/", hello)
    listener = ListeningSocket("127.0.0.1", 0, header_seconds=0.2)
    await listener.start(application)
    port = int(listener.origin.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    idle, idle_writer = await asyncio.open_connection("127.0.0.1", port)
    for one in (writer, idle_writer):
        one.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
    assert (await idle.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
    writer.write(b"GET / HTTP/1.1\r\nHost: ")
    try:
        cut_off = await asyncio.wait_for(reader.read(), 5)
    except ConnectionResetError:
        cut_off = b""
    assert cut_off == b""
    idle_writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")  # an idle connection is no half request
    assert (await idle.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
    writer.close()
    idle_writer.close()
    await listener.stop(0.1)


async def test_request_begun_while_another_is_answered_is_cut_off_too() -> None:
    going_on = asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        await going_on.wait()
        return web.Response(text="hello")

    application = web.Application()
    application.router.add_get("/", slow)
    listener = ListeningSocket("127.0.0.1", 0, header_seconds=0.2)
    await listener.start(application)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(listener.origin.rpartition(":")[2]))
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.sleep(0.05)  # so that the rest comes in a piece of its own
    writer.write(b"GET / HTTP/1.1\r\nHost: ")
    await asyncio.sleep(0.05)
    going_on.set()
    assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
    try:
        cut_off = await asyncio.wait_for(reader.read(), 5)
    except ConnectionResetError:
        cut_off = b""
    assert cut_off == b""
    writer.close()
    await listener.stop(0.1)


async def test_loop_that_fails_is_logged_and_started_again(monkeypatch, caplog) -> None:
    monkeypatch.setattr(triggers, "RESTART_SECONDS", 0.0)
    starts = []

    async def fails_once() -> None:
        starts.append(1)
        if len(starts) == 1:
            raise OSError("disk full")

    with caplog.at_level(logging.ERROR):
        await triggers.keep_running(fails_once, "scan of container img")
    assert len(starts) == 2
    assert "scan of container img failed unexpectedly" in caplog.text


def test_secrets_in_a_functions_error_are_blanked() -> None:
    stream = io.StringIO()
    InvocationLog(stream, {}).finished("f", "http", "id", 0.0, error="ValueError: AccountKey=c2VjcmV0;x")
    assert "c2VjcmV0" not in stream.getvalue()
