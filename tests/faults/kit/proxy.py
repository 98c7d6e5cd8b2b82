"""A TCP proxy that a test can make silent, forgetful, slow or absent while parts talk through it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from enum import Enum


class Mode(Enum):
    """What happens to connections; a change of mode cuts those that are open."""

    PASS = "pass"
    REFUSE = "refuse"  # every connection is reset at once: the service is down
    SILENT = "silent"  # accepted, and never answered: a hanging service or a network that swallows packets
    DROP_REPLIES = "drop_replies"  # the request arrives, the connection is cut instead of the reply


class Proxy:
    """Forwards 127.0.0.1:``port`` to ``host``:``upstream``; a context manager."""

    def __init__(self, port: int, upstream: int, host: str = "127.0.0.1") -> None:
        self.port, self.upstream, self.host = port, upstream, host
        self.dropped_replies = 0
        self.delay_seconds = 0.0
        self._mode = Mode.PASS
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=256)
        threading.Thread(target=self._accept, daemon=True, name=f"proxy {port}").start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()

    @property
    def mode(self) -> Mode:
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._mode = mode
        self.cut()

    def cut(self) -> None:
        """Reset every open connection."""
        with self._lock:
            sockets, self._open = self._open, set()
        for each in sockets:
            _reset(each)

    @contextlib.contextmanager
    def while_in(self, mode: Mode) -> Iterator[None]:
        """This mode for the length of the block, then as before."""
        before, self.mode = self.mode, mode
        try:
            yield
        finally:
            self.mode = before

    def flap(self, seconds: float, down: float = 2.0, up: float = 2.0) -> None:
        """Down and up in turn; up at the end."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with self.while_in(Mode.REFUSE):
                time.sleep(down)
            time.sleep(up)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._mode is Mode.REFUSE:
                _reset(client)
            else:
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection((self.host, self.upstream), timeout=5)
        except OSError:
            _reset(client)
            return
        server.settimeout(None)
        with self._lock:
            self._open |= {client, server}
        back = threading.Thread(target=self._pump, args=(server, client, True), daemon=True)
        back.start()
        self._pump(client, server, False)
        back.join()
        with self._lock:
            self._open -= {client, server}

    def _pump(self, source: socket.socket, sink: socket.socket, is_reply: bool) -> None:
        try:
            while data := source.recv(65_536):
                if self._mode is Mode.SILENT:
                    continue
                if is_reply and self._mode is Mode.DROP_REPLIES:
                    self.dropped_replies += 1
                    break
                if self.delay_seconds:
                    time.sleep(self.delay_seconds)
                sink.sendall(data)
        except OSError:
            pass
        _reset(source)
        _reset(sink)


def _reset(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        connection.close()
