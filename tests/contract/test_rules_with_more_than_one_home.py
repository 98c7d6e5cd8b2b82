"""Rules that several parts follow though they share no code: the same cases, put to every implementation.

Parts import nothing of each other (docs/architecture.md), so a rule that two of them need is written once in each. A
case that one answers otherwise than the rest has to be decided here, for all of them.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from database_connection.connection_string import dialect_of, parse, without_password
from function_app.http_api import query
from function_app.http_api.openapi import document
from function_app.http_api.responses import BadParameter
from function_app.results import statistics
from function_app.settings import Settings, StorageSettings
from functions_host.invoking.logs import redacted
from local_agent import cli
from local_agent.errors import SettingsError
from local_agent.storage.account import ACCOUNT_URL, CONNECTION_STRING, SAS_URL, open_account
from local_agent.streaming import java, upload_sink
from local_stack import terminal
from local_stack.errors import StackError
from local_stack.install import runtimes
from local_stack.operate import times
from local_stack.run import stack

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)

# ── Durations: the API, its OpenAPI document, the commands ────────────────────────────────────────────────────────────

DURATIONS = {
    "1s": timedelta(seconds=1), "90s": timedelta(seconds=90), "15m": timedelta(minutes=15),
    "24h": timedelta(hours=24), "7d": timedelta(days=7), "86400s": timedelta(days=1), "3660d": timedelta(days=3660),
}  # fmt: skip
NO_DURATIONS = (
    "", "0s", "015m", "15", "m", "15 m", "15M", "1w", "-5m", "+5m", "1.5h", "100000s", "1h30m", "15m\n",
    "\u0661\u0665m",  # digits, but Arabic ones
)  # fmt: skip
TOO_LONG = ("3661d", "99999d", "87841h")


def test_every_duration_parameter_of_the_api_publishes_the_one_grammar() -> None:
    patterns = set(re.findall(r"'pattern': '([^']*smhd[^']*)'", str(document())))
    assert patterns == {f"^{query.DURATION}$"}


@pytest.mark.parametrize(("text", "long"), DURATIONS.items())
def test_duration_is_taken_alike_by_api_document_and_commands(text: str, long: timedelta) -> None:
    assert query.span({"window": text}, "window") == long
    assert query.moment({"since": text}, "since", NOW) == NOW - long
    assert times.moment(text, NOW) == NOW - long
    assert re.fullmatch(query.DURATION, text)


@pytest.mark.parametrize("text", [*NO_DURATIONS, *TOO_LONG])
def test_what_is_no_duration_is_refused_alike(text: str) -> None:
    with pytest.raises(BadParameter):
        query.span({"window": text}, "window")
    with pytest.raises(BadParameter):
        query.moment({"since": text}, "since", NOW)
    with pytest.raises(StackError):
        times.moment(text, NOW)
    assert bool(re.fullmatch(query.DURATION, text)) == (text in TOO_LONG), "a pattern cannot count days"


NO_MOMENTS = (
    "1764021512345", "20260130", "2026-W05-5", "2026-01-30x12:00:00", "2026-01-30T12:00:00z", "2026-01-30T12", "2026",
    "\uff12\uff10\uff12\uff16-01-30", "2026-01-30T24:00:00Z", "2026-02-30", "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59", "\uff11h", "2026-01-30T12:00:00Z\n", "now",
)  # fmt: skip


@pytest.mark.parametrize("text", NO_MOMENTS)
def test_what_is_no_moment_is_refused_alike(text: str) -> None:
    with pytest.raises(BadParameter):
        query.moment({"since": text}, "since", NOW)
    with pytest.raises(StackError):
        times.moment(text, NOW)


MOMENTS = (
    "2026-01-30T12:00:00Z", "2026-01-30T12:00:00", "2026-01-30T13:00:00+01:00", "2026-01-30 12:00",
    "2026-01-30T12:00:00.000Z", "2026-01-30T13:00:00+0100",
)  # fmt: skip


@pytest.mark.parametrize("text", MOMENTS)
def test_moment_is_read_alike(text: str) -> None:
    assert query.moment({"since": text}, "since", NOW) == times.moment(text, NOW) == NOW - timedelta(days=1)


# ── Percentiles: the API's statistics, the agent's batches, the commands ──────────────────────────────────────────────

PERCENTILE = [statistics.percentile, upload_sink.percentile, times.percentile]


@pytest.mark.parametrize("percentile", PERCENTILE, ids=lambda function: function.__module__)
@pytest.mark.parametrize(
    ("values", "rank", "expected"),
    [
        ([7.0], 50, 7.0),
        ([7.0], 99, 7.0),
        ([1.0, 2.0], 50, 1.0),
        ([1.0, 2.0], 95, 2.0),
        ([1.0, 2.0, 3.0], 50, 2.0),
        ([float(n) for n in range(1, 21)], 95, 19.0),
        ([float(n) for n in range(1, 101)], 95, 95.0),
        ([float(n) for n in range(1, 101)], 99, 99.0),
        ([float(n) for n in range(1, 102)], 99, 100.0),
    ],
)
def test_percentile_is_the_nearest_rank(
    percentile: Callable[[list[float], int], float], values: list[float], rank: int, expected: float
) -> None:
    assert percentile(values, rank) == expected


# ── Java: what the installer takes, what the uploader runs on ─────────────────────────────────────────────────────────

JAVA = {
    'java version "1.8.0_402"': False, 'openjdk version "11.0.2" 2019-01-15': False, 'openjdk version "16"': False,
    'openjdk version "17.0.15" 2025-04-15': True, 'openjdk version "21.0.8" 2025-07-15 LTS': True,
    'openjdk version "25" 2025-09-16': True, 'openjdk version "26-ea" 2026-03-17': False, "no Java": False,
}  # fmt: skip


@pytest.mark.parametrize(("printed", "suits"), JAVA.items())
def test_java_suits_installer_and_uploader_alike(printed: str, suits: bool) -> None:
    assert runtimes.suits_spark(runtimes.parse_java_version(printed)) is suits
    assert java.suits_spark(java.parse_version(printed)) is suits
    assert runtimes.parse_java_version(printed) == java.parse_version(printed)


# ── Names in a terminal: the commands, the agent ──────────────────────────────────────────────────────────────────────

NAMES = {
    "Bild 7 ä.png": "Bild 7 ä.png", "\x1b[31mred": "\\u001b[31mred", "two\nlines": "two\\u000alines",
    "cam\u202egnp.png": "cam\\u202egnp.png", "not utf-8 \udcff": "not utf-8 \\udcff",
    "tag \U000e0001": "tag \\U000e0001",
    "[bold]": "[bold]",
}  # fmt: skip


@pytest.mark.parametrize(("name", "shown"), NAMES.items())
def test_name_does_nothing_to_a_terminal(name: str, shown: str) -> None:
    assert terminal.printable(name) == cli.printable(name) == shown


# ── Secrets: whoever shows a text that may hold one ───────────────────────────────────────────────────────────────────

CANARY = "C4nary"
DATABASES = (
    f"Server=s;UID=u;PWD={CANARY}+/=", f"Server=s;UID=u;PWD={{pass;{CANARY}}}}}word}}", f"Server=s;Password={CANARY}://x",
    f"server=s;pwd = {CANARY}", f"Server=s;PWD=a {CANARY};UID=u", f"Server=s;Password = a&{CANARY}",
)  # fmt: skip
STORAGE = (
    f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={CANARY}==;EndpointSuffix=core.windows.net",
    f"BlobEndpoint=https://a.blob.core.windows.net;SharedAccessSignature=sv=1&sig={CANARY}%3D",
    f"https://a.blob.core.windows.net/img?sv=1&sig={CANARY}%3D&se=2027",
)


@pytest.mark.parametrize("text", DATABASES)
def test_password_of_a_database_is_shown_by_nobody(text: str) -> None:
    assert dialect_of(text) == "mssql"
    for quoted in (text, f"[28000] login failed for {text} (18456)"):
        assert CANARY not in redacted(quoted)
        assert CANARY not in without_password(quoted, parse(text))
    assert CANARY not in stack.without_secret(text)
    assert CANARY not in repr(Settings(storage=StorageSettings("x"), sql_connection_string=text))


@pytest.mark.parametrize("text", STORAGE)
def test_key_of_a_storage_account_is_shown_by_nobody(text: str) -> None:
    assert CANARY not in redacted(f"PUT {text} answered 403")
    assert CANARY not in repr(Settings(storage=StorageSettings(text), sql_connection_string="sqlite:///a"))
    for variable in (CONNECTION_STRING, SAS_URL, ACCOUNT_URL):
        assert CANARY not in _said_on_opening({variable: text})


def _said_on_opening(environment: dict[str, str]) -> str:
    try:
        return repr(open_account(environment, "img"))
    except SettingsError as refused:
        return str(refused)


HEADERS = (
    f"GET /api/runs?code={CANARY}==&limit=1", f"Authorization: Bearer {CANARY}.b-c_d~e", f"bearer {CANARY}==",
    f"{{'Authorization': 'Bearer {CANARY}', 'a': 1}}", f"Authorization: SharedKey account:{CANARY}+/=",
    f"authorization=Basic {CANARY}==", f"x-functions-key: {CANARY}==", f"{{'x-functions-key': '{CANARY}', 'a': 1}}",
    f'{{"X-Functions-Key":"{CANARY}"}}', f"x-functions-key={CANARY}", f"aeg-sas-key: {CANARY}",
    f"client_secret={CANARY}~&grant_type=x", f'{{"access_token": "{CANARY}"}}',
    f"the token eyJ{CANARY}xyz.{CANARY}.{CANARY}",
    f"https://user:{CANARY}@host/path", f"PWD={{a;{CANARY}", f"Password = a {CANARY}", f'Password="a;{CANARY}"',
    f"PWD=a\"{CANARY}", f"Password={{a}}}};{CANARY}}};UID=u", f"password: '{CANARY}'",
)  # fmt: skip
HARMLESS = (
    "exit code 137", "status code: 404", "signal 9", "GET /api/runs?limit=1 answered 200", "https://host:443/a@b",
    "PWD is not set", "function=score kind=activity status=succeeded", "UID=u;Server=s", "the password has expired",
)  # fmt: skip


@pytest.mark.parametrize("text", HEADERS)
def test_key_or_token_in_an_address_a_header_or_a_pair_is_masked(text: str) -> None:
    assert CANARY not in redacted(f"refused: {text}")
    assert redacted(f"refused: {text}").startswith("refused: ")


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    assert redacted(text) == text


# ── Locks: the launcher's, the agent's, the embedded host's ───────────────────────────────────────────────────────────

HOLDERS = {
    "the launcher": "from local_stack.install.file_lock import exclusive_lock\n"
    "lock = exclusive_lock(folder / 'stack.lock')",
    "the agent": "from local_agent.agent.lock import FolderLock\nlock = FolderLock(folder / 'lock')",
    "the host": "from contextlib import closing\n"
    "from functions_host.running.state_directory import StateDirectory\n"
    "lock = closing(StateDirectory(folder))",
}
HOLD = """
import sys, time
from pathlib import Path
folder = Path(sys.argv[1])
{holder}
with lock:
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("holder", HOLDERS.values(), ids=HOLDERS)
def test_lock_names_its_holder_and_is_free_once_that_is_killed(holder: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD.format(holder=holder), str(tmp_path)]
    first = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
        assert second.returncode != 0
        assert f"process {first.pid}" in second.stderr
    finally:
        first.kill()
        first.wait()
    third = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert third.stdout is not None
        assert third.stdout.readline() == "held\n"
    finally:
        third.kill()
        third.wait()
