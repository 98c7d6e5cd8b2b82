"""Who may speak to a host without keys: decided from the host that a request names and the site that it comes from."""

from __future__ import annotations

import pytest

from functions_host.http.front_door import host_name, is_loopback, judge_host, judge_site

NONE: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("localhost", "localhost"),
        ("LocalHost:7071", "localhost"),
        ("127.0.0.1:7071", "127.0.0.1"),
        ("[::1]:7071", "::1"),
        ("[0:0:0:0:0:0:0:1]", "::1"),
        ("my_machine.lan:65535", "my_machine.lan"),
    ],
)
def test_name_of_a_host_is_what_stands_before_the_port(text: str, name: str) -> None:
    assert host_name(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "[",
        "[::zz]",
        "[::1",
        "::1",
        "x:65536",
        "x:",
        "x:a",
        "x:123456",
        "user@localhost",
        "localhost/",
        "ü",
        "localhost,evil.test",
        "localhost\x00",
        "１27.0.0.1",
    ],
)
def test_what_is_no_host_is_answered_400_with_and_without_keys(text: str) -> None:
    assert host_name(text) is None
    for allowed in (None, NONE):
        refusal = judge_host([text], allowed)
        assert refusal is not None
        assert refusal.status == 400


@pytest.mark.parametrize("given", [[], ["localhost", "evil.test"], ["evil.test", "localhost:7071"]])
def test_request_that_names_no_host_or_two_is_400(given: list[str]) -> None:
    refusal = judge_host(given, NONE)
    assert refusal is not None
    assert refusal.status == 400


@pytest.mark.parametrize(
    "host", ["localhost:7071", "127.0.0.1", "127.1.2.3:80", "[::1]:7071", "LOCALHOST:5173"]
)
def test_this_computers_own_names_are_answered(host: str) -> None:
    assert judge_host([host], NONE) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.test:7071",
        "localhost.evil.test",
        "192.168.1.5:7071",
        "127.0.0.1.evil.test",
        "0.0.0.0",
        "localhost.",
    ],
)
def test_another_name_is_403_and_the_answer_says_how_to_allow_it(host: str) -> None:
    refusal = judge_host([host], NONE)
    assert refusal is not None
    assert (refusal.status, "--allow-host" in refusal.reason) == (403, True)
    assert judge_host([host], frozenset({host.partition(":")[0]})) is None
    assert judge_host([host], None) is None


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "post", "PURGE"])
@pytest.mark.parametrize(
    ("origin", "fetch_site"),
    [
        ("http://evil.test", "cross-site"),
        ("https://evil.test:7071", None),
        ("null", None),
        ("", None),
        (None, "cross-site"),
        (None, "Cross-Site"),
        ("http://localhost.evil.test", "same-origin"),
        ("http://localhost@evil.test", None),
        ("chrome-extension://localhost", None),
        ("http://[", None),
    ],
)
def test_page_of_another_site_may_change_nothing(
    method: str, origin: str | None, fetch_site: str | None
) -> None:
    refusal = judge_site(method, origin, fetch_site, NONE)
    assert refusal is not None
    assert refusal.status == 403


@pytest.mark.parametrize(
    ("origin", "fetch_site"),
    [
        (None, None),  # curl, an SDK, Event Grid
        (None, "none"),  # typed by the user
        (None, "same-origin"),
        ("http://127.0.0.1:7071", "same-origin"),  # the dashboard
        ("http://localhost:5173", "cross-site"),  # a development server in front, whose page calls 127.0.0.1
        ("http://[::1]:7071", "same-origin"),
        ("https://me.github.dev", "cross-site"),  # allowed by its name
    ],
)
def test_programs_and_pages_of_this_computer_may_change_things(
    origin: str | None, fetch_site: str | None
) -> None:
    assert judge_site("POST", origin, fetch_site, frozenset({"me.github.dev"})) is None


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_reading_is_left_to_the_browsers_own_rule(method: str) -> None:
    assert judge_site(method, "http://evil.test", "cross-site", NONE) is None


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("my-machine", False),
        ("", False),
    ],
)
def test_only_addresses_that_no_network_reaches_are_loopback(address: str, answer: bool) -> None:
    assert is_loopback(address) is answer
