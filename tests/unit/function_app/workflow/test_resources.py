"""One world per process, however many threads ask for it first."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from function_app.errors import Misconfigured
from function_app.workflow import resources as module

THREADS = 8


@pytest.fixture(autouse=True)
def _fresh():
    module._opened.cache_clear()
    yield
    module._opened.cache_clear()


def test_threads_that_ask_at_once_get_one_world(monkeypatch):
    """Two worlds would be two pools of connections, and two memories of the bytes that validation has read."""
    opened = []

    def slow(settings):
        opened.append(settings)
        time.sleep(0.02)
        return object()

    for name, opens in (
        ("current_settings", lambda: object()),
        ("open_blobs", slow),
        ("open_result_store", slow),
    ):
        monkeypatch.setattr(module, name, opens)
    gate = Barrier(THREADS)

    def ask(_: int) -> module.Resources:
        gate.wait()
        return module.resources()

    with ThreadPoolExecutor(THREADS) as pool:
        worlds = list(pool.map(ask, range(THREADS)))
        assert len(opened) == 1
        stores = list(pool.map(lambda world: world.store, worlds))
    assert len({id(world) for world in worlds}) == 1
    assert len({id(store) for store in stores}) == 1
    assert len(opened) == 2


def test_a_setting_mended_later_is_seen(monkeypatch):
    def missing():
        raise Misconfigured("set SQL_CONNECTION_STRING")

    monkeypatch.setattr(module, "current_settings", missing)
    with pytest.raises(Misconfigured):
        module.resources()
    for name in ("current_settings", "open_blobs", "open_result_store"):
        monkeypatch.setattr(module, name, lambda *_: object())
    assert module.resources() is module.resources()
