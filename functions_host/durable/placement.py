"""Where an orchestrator's replay runs: in a function thread, or, once known to be quick, on the event loop.

A replay is a few hundred microseconds of pure computing, and handing it to a thread and back costs as
much again (measured with bench_host.py: 1.3 times the orchestrations per second without). Durable's
rules forbid an orchestrator to block; one that does anyway must not stop the host, so each orchestrator
starts in threads, long histories stay there, and one that was ever slow on the loop never returns to it.
"""

from __future__ import annotations

TRIAL_RUNS = 3
LONGEST_CONTEXT = 64 * 1024
"""Characters of context JSON; a replay of so many takes some 10 ms."""
SLOW_ON_LOOP_SECONDS = 0.05
SLOW_IN_THREAD_SECONDS = 1.0


class ReplayPlacement:
    """Remembers by orchestrator name how its replays behaved."""

    def __init__(self) -> None:
        self._good_runs: dict[str, int] = {}
        self._slow: set[str] = set()

    def on_loop(self, name: str, context_length: int) -> bool:
        """Whether this replay may run on the event loop."""
        return (
            context_length <= LONGEST_CONTEXT
            and name not in self._slow
            and self._good_runs.get(name, 0) >= TRIAL_RUNS
        )

    def took(self, name: str, seconds: float, *, on_loop: bool) -> None:
        """A replay came back after so long (a thread's time includes waiting for its turn)."""
        if seconds > (SLOW_ON_LOOP_SECONDS if on_loop else SLOW_IN_THREAD_SECONDS):
            self._slow.add(name)
        elif not on_loop:
            self._good_runs[name] = self._good_runs.get(name, 0) + 1
