"""What to do when an installation fails, by what the installer printed. Pure; standard library only."""

from __future__ import annotations

from local_stack.state_folder import PROJECT_ROOT


def remedy_for(text: str) -> str:
    """The remedy for what pip, npm or venv printed."""
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
        return f"make {PROJECT_ROOT} writable for this user"
    return "read the log; `python3 pipeline.py doctor` checks the usual causes"
