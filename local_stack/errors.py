"""What can go wrong on one computer, always with the remedy in the same sentence; and what a command ends with."""

from __future__ import annotations

from pathlib import Path

DONE = 0
"""The command did what it says."""
FAILED = 1
"""It ran, and what it checks or waits for is not as it should be."""
CANNOT_RUN = 2
"""A wrong call, or something on this computer that only the user can mend."""
INTERRUPTED = 130
"""Ctrl-C, as shells count it."""


class StackError(Exception):
    """Something the user can mend: names the thing, the reason and the remedy.

    ``exit_code`` is what the command ends with: FAILED for a failed run, CANNOT_RUN for a wrong call or environment.
    """

    def __init__(self, problem: str, remedy: str, exit_code: int = CANNOT_RUN) -> None:
        super().__init__(f"{problem}\nRemedy: {remedy}")
        self.problem = problem
        self.remedy = remedy
        self.exit_code = exit_code


def remedy_for(text: str, project: Path) -> str:
    """What to do about an installation that failed, by what pip, npm or venv printed."""
    lowered = text.lower()
    if "no space left" in lowered or "errno 28" in lowered:
        return "the disk is full: free some space and run the command again"
    if "certificate_verify_failed" in lowered or "cert_in_chain" in lowered or "local_issuer_cert" in lowered:
        return (
            "a proxy of your network signs with a certificate of its own: name its file in PIP_CERT (for pip) and "
            "in NODE_EXTRA_CA_CERTS (for npm)"
        )
    if "do not match the hashes" in lowered:
        return (
            "a download differs from the lock file: empty pip's cache (pip cache purge) or check your mirror"
        )
    network = (
        "newconnectionerror", "name resolution", "getaddrinfo", "timed out", "no matching distribution",
        "network is unreachable", "connection refused", "proxyerror", "econnrefused", "enotfound", "etimedout",
    )  # fmt: skip
    if any(sign in lowered for sign in network):
        return (
            "the package registry cannot be reached: check the network, or set HTTPS_PROXY, pip's index-url or "
            "npm's registry for your mirror"
        )
    if "permission denied" in lowered or "errno 13" in lowered:
        return f"make {project} writable for this user"
    return "read the log; `python3 pipeline.py doctor` checks the usual causes"
