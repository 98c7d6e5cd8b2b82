"""How long the result store's queries and writes take on SQLite with very many rows.

    python tests/bench/bench_queries.py --rows 10000000 --database bench.db [--json FILE]

Makes the database if it is not there (generated rows, 30 days, 20 devices, 3 % not scored; the same for
the same number of rows), then measures each query of the API. The goal is a p95 under 20 ms
for a run and under 100 ms for a page; exit 1 if that is missed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from function_app.models.identity import blob_key_of
from function_app.models.runs import Outcome, RunFilter, RunRecord, Score
from function_app.results.sqlite.database import open_sqlite_store
from function_app.results.store import SqlResultStore
from local_stack.operate.times import percentile
from sql_migrations import runner
from sql_migrations.files import folder_for, read_folder
from sql_migrations.sqlite_engine import SqliteEngine

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 30
REASONS = (
    "bad_crc",
    "wrong_size",
    "unsupported_mode",
    "not_png",
    "empty",
    "truncated",
    "animated",
    "too_large",
)
RUN_LIMIT_MS, PAGE_LIMIT_MS = 20.0, 100.0


def main() -> int:
    """Make, measure, print; 1 if a limit is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--database", type=Path, default=Path("bench-queries.db"))
    parser.add_argument("--repeat", type=int, default=100)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if not options.database.exists():
        make(options.database, options.rows)
    store = open_sqlite_store(str(options.database))
    figures = measure(store, options.rows, options.repeat)
    print(f"{'query':44} {'p50 ms':>9} {'p95 ms':>9} {'max ms':>9}")
    for name, (p50, p95, worst) in figures.items():
        print(f"{name:44} {p50:9.2f} {p95:9.2f} {worst:9.2f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2))
    missed = [name for name, (_, p95, _) in figures.items() if p95 > limit_of(name)]
    print(f"over the limit: {', '.join(missed) or 'none'}")
    return 1 if missed else 0


def limit_of(name: str) -> float:
    """The p95 in milliseconds that a query may take; statistics over everything have no limit set."""
    if name.startswith("run"):
        return RUN_LIMIT_MS
    return PAGE_LIMIT_MS if name.startswith(("page", "counts")) else float("inf")


def when(number: int, rows: int) -> datetime:
    """When run ``number`` was committed."""
    return START + timedelta(days=DAYS) * number / rows


def text_of(moment: datetime) -> str:
    """As the store writes it."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def run_id(number: int) -> str:
    """Spread like real ones."""
    return hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()


def make(path: Path, rows: int) -> None:
    """Generate the rows, index them, and let V002 count them, as an upgrade of a full database would."""
    engine, files = SqliteEngine(path), read_folder(folder_for("sqlite"))
    runner.up(engine, files[:1])
    started = time.monotonic()
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -1000000"):
            database.execute(f"PRAGMA {pragma}")
        indexes = database.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql <> ''"
        ).fetchall()
        for name, _ in indexes:
            database.execute(f"DROP INDEX {name}")
        database.execute("BEGIN")
        database.executemany(f"INSERT INTO runs VALUES ({', '.join('?' * 19)})", generated_runs(rows))
        database.executemany("INSERT INTO scores VALUES (?, 'pixel_sum', '1', ?, ?)", generated_scores(rows))
        database.execute("COMMIT")
        print(f"rows: {time.monotonic() - started:.0f} s", flush=True)
        for _, sql in indexes:
            database.execute(sql)
        database.execute("PRAGMA journal_mode = WAL")
    print(f"indexes: {time.monotonic() - started:.0f} s", flush=True)
    runner.up(engine, files)
    print(
        f"V002 and views: {time.monotonic() - started:.0f} s, {path.stat().st_size / 2**30:.1f} GiB",
        flush=True,
    )


def outcome_of(number: int) -> tuple[Outcome, str | None]:
    """Every 40th run is rejected, every 200th failed."""
    if number % 200 == 7:
        return Outcome.FAILED, "store_unavailable"
    if number % 40 == 3:
        return Outcome.REJECTED, REASONS[(number // 40) % len(REASONS)]
    return Outcome.SCORED, None


def generated_runs(rows: int) -> Iterator[tuple[Any, ...]]:
    """Rows of ``runs``, oldest first."""
    for number in range(1, rows + 1):
        device = f"cam-{number * 7 % 20}"
        committed = when(number, rows)
        end, name = text_of(committed), f"{device}/{number:012}.png"
        captured = text_of(committed - timedelta(seconds=2 + number % 100 / 25))
        outcome, reason = outcome_of(number)
        yield (
            number, run_id(number), "img", name, blob_key_of("img", name), "0x8DE2A4C5E1B2C3D", 900,
            hashlib.sha256(name.encode()).hexdigest(), device, f"{number}.png", captured, captured, end, end,
            str(outcome), reason, reason and "words for a person", 1, end,
        )  # fmt: skip


def generated_scores(rows: int) -> Iterator[tuple[Any, ...]]:
    """Rows of ``scores`` in the order of their key, so that the table is built from left to right."""
    numbered = sorted((run_id(n), n) for n in range(1, rows + 1) if outcome_of(n)[0] is Outcome.SCORED)
    for key, number in numbered:
        yield key, number * 7919 % 261_121, text_of(when(number, rows))


def measure(store: SqlResultStore, rows: int, repeat: int) -> dict[str, tuple[float, float, float]]:
    """Milliseconds (p50, p95, max) by query; each call asks for something else."""
    dice = random.Random(1)

    def any_number() -> int:
        return dice.randrange(1, rows)

    def any_filter(**fields: Any) -> RunFilter:
        return RunFilter(**fields)

    def hour(before_end: timedelta) -> RunFilter:
        return RunFilter(since=START + timedelta(days=DAYS) - before_end, until=None)

    def old_window() -> RunFilter:
        since = when(any_number(), rows)
        return RunFilter(since=since, until=since + timedelta(hours=5, minutes=7))

    def deep_page(limit: int, **fields: Any) -> object:
        middle = when(any_number(), rows)
        return store.page(RunFilter(until=middle, **fields), limit=limit)

    def write() -> object:
        number = rows * 10 + dice.randrange(10**9)
        now = START + timedelta(days=DAYS)
        record = RunRecord(
            run_id(number),
            "img",
            f"cam-1/{number}.png",
            "0x1",
            900,
            Outcome.SCORED,
            1,
            now,
            device_id="cam-1",
        )
        return store.record_scored(record, [Score("pixel_sum", "1", 1, now)])

    queries: dict[str, Callable[[], object]] = {
        "run by id": lambda: store.run(run_id(any_number())),
        "runs of an image": lambda: store.runs_of_image(
            "img", f"cam-{any_number() % 20}/{any_number():012}.png"
        ),
        "runs known among 100 ids": lambda: store.known_run_ids([run_id(any_number()) for _ in range(100)]),
        "page of 100, newest": lambda: store.page(RunFilter(), limit=100),
        "page of 1000, newest": lambda: store.page(RunFilter(), limit=1000),
        "page of 100, anywhere": lambda: deep_page(100),
        "page of 1000, anywhere": lambda: deep_page(1000),
        "page of 1000, rejected, anywhere": lambda: deep_page(1000, outcome=Outcome.REJECTED),
        "page of 1000, one reason, anywhere": lambda: deep_page(1000, reason=dice.choice(REASONS)),
        "page of 1000, one device, anywhere": lambda: deep_page(1000, device_id=f"cam-{dice.randrange(20)}"),
        "page of 100, device and reason, anywhere": lambda: deep_page(
            100, device_id=f"cam-{dice.randrange(20)}", reason=dice.choice(REASONS), outcome=Outcome.REJECTED
        ),
        "page of 100, device and failed": lambda: store.page(
            any_filter(device_id=f"cam-{dice.randrange(20)}", outcome=Outcome.FAILED), limit=100
        ),
        "page of 100, one scorer, anywhere": lambda: deep_page(100, scorer="pixel_sum"),
        "page of 100, old window of 5 hours": lambda: store.page(old_window(), limit=100),
        "page of 100, unknown device": lambda: store.page(any_filter(device_id="nobody"), limit=100),
        "counts of everything": lambda: store.counts(),
        "counts of a reason": lambda: store.counts(any_filter(reason=dice.choice(REASONS))),
        "counts of a window of 5 hours": lambda: store.counts(old_window()),
        "stats of the last hour": lambda: store.stats(hour(timedelta(hours=1))),
        "stats of the last day": lambda: store.stats(hour(timedelta(days=1))),
        "stats of everything": lambda: store.stats(),
        "write of a scored run": write,
    }
    return {name: timed(query, repeat) for name, query in queries.items()}


def timed(query: Callable[[], object], repeat: int) -> tuple[float, float, float]:
    """Milliseconds: p50, p95, max."""
    taken = []
    for _ in range(repeat):
        started = time.perf_counter()
        query()
        taken.append((time.perf_counter() - started) * 1000)
    taken.sort()
    return percentile(taken, 50), percentile(taken, 95), taken[-1]


if __name__ == "__main__":
    sys.exit(main())
