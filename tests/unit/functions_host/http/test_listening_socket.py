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
