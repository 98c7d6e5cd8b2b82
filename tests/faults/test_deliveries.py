"""One blob told of many times, to several hosts at once: one row."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from kit.pipeline import HostProcess, Pipeline
from kit.report import Report

from local_stack.processes import free_ports
from local_stack.reconcile.evidence import blobs
from local_stack.run import parts


@contextlib.contextmanager
def _further_hosts(pipeline: Pipeline, count: int) -> Iterator[list[str]]:
    """Hosts with hubs of their own on the same storage and database, that are told of blobs by events."""
    hosts: list[tuple[str, HostProcess]] = []
    try:
        for port in free_ports(count):
            state = pipeline.state.root / f"host-{port}"
            child = pipeline.host_process(state, port, BLOB_TRIGGER_SOURCE="EventGrid")
            child.start()
            hosts.append((f"http://127.0.0.1:{port}", child))
        for url, child in hosts:
            parts.functions_host_ready(url, child)
        yield [url for url, _ in hosts]
    finally:
        for _, child in hosts:
            child.stop()


def _tell(url: str, blob_url: str, key: str) -> int:
    event = {"eventType": "Microsoft.Storage.BlobCreated", "data": {"url": blob_url}}
    request = urllib.request.Request(
        f"{url}/runtime/webhooks/blobs?functionName=Host.Functions.start_on_blob&code={quote(key)}",
        data=json.dumps([event]).encode(),
        headers={"aeg-event-type": "Notification", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return int(answer.status)


@pytest.mark.timeout(900)
def test_ten_deliveries_to_each_of_two_hosts_make_one_row(
    pipeline: Pipeline, report: Report, seed: int, full: bool
) -> None:
    """The polling host and its sweep take part too, so three hosts race for every image."""
    images = 200 if full else 20
    with _further_hosts(pipeline, 2) as urls:
        pipeline.simulate(images, seed, "told").wait(60)
        root = f"http://127.0.0.1:{pipeline.host_proxy.port}/devstoreaccount1/{parts.CONTAINER}"
        uploaded: dict[str, str] = {}
        while len(uploaded) < images:
            listed = blobs(pipeline.storage, parts.CONTAINER)
            uploaded = {
                blob: f"{root}/{blob}" for blob, name, *_ in listed if (name or "").startswith("told")
            }
        calls = [(url, blob) for blob in uploaded.values() for url in urls for _ in range(10)]
        with ThreadPoolExecutor(16) as callers:
            answers = list(
                callers.map(lambda call: _tell(call[0], call[1], pipeline.canaries.webhook_key), calls)
            )
        assert set(answers) == {202}
        balance, seconds = pipeline.drained(300, made=images, prefix="told")
        waiting = [url for url in urls if _active(url)]
    report.balanced(balance, seconds, images, deliveries=len(calls), still_busy=waiting)


def _active(url: str) -> bool:
    with urllib.request.urlopen(f"{url}/admin/host/ping", timeout=10) as answer:
        return bool(answer.status != 200)
