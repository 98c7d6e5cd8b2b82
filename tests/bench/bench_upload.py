"""How fast the agent uploads, beside rclone, the server's limit, and the original demo's design.

    python3 pipeline.py bench upload --json FILE

Every peer gets the same files and a fresh Azurite, in turn, in every round; figures are medians of the rounds and
ratios are formed within a round. Start-up is excluded except where it is the measure. Without rclone on the PATH
its ratio is null and the output says so.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2])]

from upload_peers.agent_run import latencies, running_agent  # noqa: E402 (the path comes first)
from upload_peers.peers import binary_file_rate, has_rclone, raw_seconds, rclone_seconds  # noqa: E402
from upload_peers.services import ROOT, azurite, instant_server  # noqa: E402

from local_agent.streaming.java import find_java  # noqa: E402
from local_stack.operate.times import percentile  # noqa: E402

FILE_BYTES = 1_100  # what a 32x32 image of noise takes as PNG
TRANSFERS = (16, 32, 64)


def make_files(folder: Path, count: int, start: int = 0) -> Path:
    """A folder of small files with contents of their own."""
    folder.mkdir(parents=True)
    noise = os.urandom(FILE_BYTES)
    for number in range(start, start + count):
        (folder / f"image-{number:07d}.png").write_bytes(number.to_bytes(8, "big") + noise)
    return folder


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder of our own, on the disk that the temporary folder is on."""
    path = Path(tempfile.mkdtemp(prefix="bench-upload-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def against_azurite(files: int, rounds: int) -> dict[str, Any]:
    """Agent, rclone and raw PUTs in turn, each on a fresh Azurite."""
    rates: dict[str, list[float]] = {"agent": [], "rclone": [], "raw": [], "bare": []}
    best = 0
    for number in range(rounds):
        with workplace() as place:
            with azurite() as service, running_agent(place / "device", service) as agent:
                agent.upload(make_files(place / "warm", 200, start=files))
                rates["agent"].append(files / agent.upload(make_files(place / "same", files)))
                stored = service.blob_count()
                if stored != files + 201:
                    raise RuntimeError(f"{stored} blobs of {files + 201} files")
            folder = make_files(place / "peer", files)
            if has_rclone():
                for transfers in TRANSFERS if number == 0 else (best,):
                    with azurite() as service:
                        rate = files / rclone_seconds(service, folder, transfers)
                    if number == 0 and transfers != TRANSFERS[0] and rate <= rates["rclone"][0]:
                        continue
                    rates["rclone"][number:] = [rate]
                    best = transfers
            for name in ("raw", "bare"):
                with azurite() as service:
                    rates[name].append(files / raw_seconds(service, folder, bare=name == "bare"))
        say(
            f"round {number + 1}: "
            + ", ".join(f"{name} {rate[-1]:.0f}/s" for name, rate in rates.items() if rate)
        )

    def ratio(peer: str) -> float:
        """Formed within each round, because the machine's speed drifts between them."""
        pairs = zip(rates["agent"], rates[peer], strict=True)
        return round(statistics.median(ours / theirs for ours, theirs in pairs), 3)

    return {
        "ratio_to_rclone": ratio("rclone") if rates["rclone"] else None,
        "rclone_transfers": best or None,
        "rclone": "measured" if rates["rclone"] else "absent: install rclone to measure this ratio",
        "ratio_to_limit": ratio("raw"),
        "ratio_to_bare_limit": ratio("bare"),
        "files_per_second": {name: [round(rate, 1) for rate in found] for name, found in rates.items()},
    }


def against_instant_server(files: int, rounds: int, drift_files: int) -> dict[str, Any]:
    """The client alone: rate, processor time per file, drift over many files, memory."""
    with workplace() as place, instant_server() as service, running_agent(place / "device", service) as agent:
        agent.upload(make_files(place / "warm", 2000))
        rates: list[float] = []
        costs, memory = [], [agent.memory_mb()]
        total = 0
        while len(rates) < rounds or total < drift_files:
            folder = make_files(place / f"part-{len(rates)}", files, start=total)
            before = agent.cpu_seconds()
            rates.append(files / agent.upload(folder))
            costs.append(1000 * (agent.cpu_seconds() - before) / files)
            total += files
            memory.append(agent.memory_mb())
            shutil.rmtree(place / "device" / "done" / f"part-{len(rates) - 1}", ignore_errors=True)
        say(f"instant server: {statistics.median(rates):.0f}/s, {statistics.median(costs):.2f} ms per file")
        tail = max(1, len(costs) // 4)

        def cost_after(gone: int) -> float:
            """The median of the three rounds that followed so many files."""
            return round(statistics.median(costs[gone // files :][:3]), 3)

        return {
            "files_per_second_fast_server": round(statistics.median(rates), 1),
            "cpu_ms_per_file": round(statistics.median(costs), 3),
            "drift": round(statistics.median(costs[-tail:]) / statistics.median(costs[:tail]), 3),
            "drift_files": total,
            "cpu_ms_per_file_after": {
                gone: cost_after(gone) for gone in (0, 100_000, total - 3 * files) if 0 <= gone < total
            },
            "rss_mb": memory[-1],
            "rss_mb_at_start": memory[0],
            "rss_mb_at_most": max(memory, key=lambda moment: moment["pss"]),
        }


def latency(seconds: int) -> dict[str, Any]:
    """Ten files a second against Azurite, from complete to acknowledged; and the time to the first file."""
    with workplace() as place, azurite() as service, running_agent(place / "device", service) as agent:
        first = monotonic() - agent.started_at
        for prefix, images in (("warm", 50), ("timed", seconds * 10)):
            subprocess.run(
                [sys.executable, "-m", "local_agent", "simulate", "--inbox", str(agent.root / "inbox"), "--manifest",
                 str(place / "truth.jsonl"), "--images", str(images), "--rate", "10", "--seed", "1",
                 "--prefix", prefix],
                cwd=ROOT, check=True, stdout=subprocess.DEVNULL,
            )  # fmt: skip
        while any((agent.root / "inbox").glob("timed*")):
            sleep(0.05)
        found = latencies(agent.root, "timed")
    return {
        "latency_p50": round(percentile(found, 50), 3),
        "latency_p95": round(percentile(found, 95), 3),
        "start_to_first_file_seconds": round(first, 1),
    }


def binary_file() -> float:
    """The original demo's design on thirty files."""
    with workplace() as place:
        folder = make_files(place / "files", 30)
        return binary_file_rate(folder, 30, find_java(place).home)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--drift-files", type=int, default=100_000)
    parser.add_argument("--latency-seconds", type=int, default=30)
    parser.add_argument("--only", action="append", choices=("latency", "instant", "azurite", "binaryfile"),
        help="measure this part; may be repeated (default: all)")  # fmt: skip
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if not has_rclone():
        say("rclone is absent: ratio_to_rclone will be null (apt-get install rclone, or https://rclone.org)")
    wanted = set(given.only or ("latency", "instant", "azurite", "binaryfile"))
    result: dict[str, Any] = {}
    if "latency" in wanted:
        result |= latency(given.latency_seconds)
        say(json.dumps(result))
    if "instant" in wanted:
        result |= against_instant_server(given.files, given.rounds, given.drift_files)
    if "azurite" in wanted:
        result |= against_azurite(given.files, given.rounds)
    if "binaryfile" in wanted:
        rate = binary_file()
        result["binaryfile_files_per_second"] = round(rate, 2)
        if "azurite" in wanted:
            agent = statistics.median(result["files_per_second"]["agent"])
            result["ratio_to_binaryfile"] = round(agent / rate, 1)
    result["load_average"] = [round(value, 1) for value in os.getloadavg()]
    text = json.dumps(result, indent=2)
    print(text)
    if given.json:
        given.json.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
