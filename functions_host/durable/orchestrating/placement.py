"""Where an orchestrator's replay runs: in a function thread, or, once known to be quick, on the event loop.

A replay is a few hundred microseconds of pure computing, and handing it to a thread and back costs as
much again (measured with tests/bench/bench_host.py: 1.3 times the orchestrations per second without). Durable's
rules forbid an orchestrator to block; one that does anyway must not stop the host, so each orchestrator
starts in threads, and long histories stay there.

What counts is the time the replay itself took, not its wait for a thread. On a busy machine a quick
replay is at times interrupted for long: one that was slow on the loop goes back to threads for twice
as many trials as before, so one that is often slow is soon never on the loop. One that was slow
beyond any interruption never returns to it.
"""

from __future__ import annotations

TRIAL_RUNS = 3
"""Quick replays in a row that an orchestrator must show in threads."""
LONGEST_CONTEXT = 64 * 1024
"""Characters of context JSON; a replay of so many takes some 10 ms."""
SLOW_SECONDS = 0.05
BLOCKED_SECONDS = 1.0


class ReplayPlacement:
    """Remembers by orchestrator name how its replays behaved. Safe to call from any thread."""

    def __init__(self) -> None:
        self._quick_runs: dict[str, int] = {}
        self._trial_runs: dict[str, int] = {}
        self._blocked: set[str] = set()

    def on_loop(self, name: str, context_length: int) -> bool:
        """Whether this replay may run on the event loop."""
        return (
            context_length <= LONGEST_CONTEXT
            and name not in self._blocked
            and self._quick_runs.get(name, 0) >= self._trial_runs.get(name, TRIAL_RUNS)
        )

    def took(self, name: str, seconds: float, *, on_loop: bool) -> None:
        """A replay ran for so long."""
        if seconds > SLOW_SECONDS:
            self._quick_runs[name] = 0
            if on_loop:
                self._trial_runs[name] = 2 * self._trial_runs.get(name, TRIAL_RUNS)
                if seconds > BLOCKED_SECONDS:
                    self._blocked.add(name)
        elif not on_loop:
            self._quick_runs[name] = self._quick_runs.get(name, 0) + 1
