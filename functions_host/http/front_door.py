"""Who may speak to a host that asks for no key: programs of this computer, and no web page of another site.

A browser sends requests for any page that it shows. Two headers give such a page away: `Host` holds the page's own name
after DNS rebinding, `Origin` (or `Sec-Fetch-Site`) the site of a page that posts here. `func start` looks at neither
(contract H). With --enable-auth keys decide; only a `Host` that is no host name is refused then, as Kestrel does.
"""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import HttpVersion11, web
from aiohttp.typedefs import Handler, Middleware

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?", re.ASCII)
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_log = logging.getLogger("functions_host.http")


@dataclass(frozen=True)
class Refusal:
    """The status to answer with, and one sentence that says what would be allowed."""

    status: int
    reason: str


def host_name(text: str) -> str | None:
    """The name or address in a `Host` header, in lower case and without brackets and port; None for what is no host."""
    found = _HOST.fullmatch(text)
    if found is None or int(found[2] or 0) > 65535:
        return None
    name = found[1].lower()
    if not name.startswith("["):
        return name
    try:
        return str(ipaddress.IPv6Address(name[1:-1]))
    except ValueError:
        return None


def is_loopback(name: str) -> bool:
    """Whether it is `localhost` or an address that only this computer reaches."""
    try:
        return name.lower() == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def judge_host(given: Sequence[str], allowed: frozenset[str] | None) -> Refusal | None:
    """`given`: every host that the request names, in `Host` and in its first line; `allowed` None: any that is one."""
    names = {host_name(text) for text in given}
    if len(names) != 1 or None in names:
        return Refusal(400, "The request must name one host, with a port or without, in its Host header.")
    if allowed is None or all(_is_known(name, allowed) for name in names):
        return None
    return Refusal(
        403,
        f"Requests for the host {given[0][:255]!r} are refused without --enable-auth: use localhost, or start the host"
        " with --allow-host and that name.",
    )


def judge_site(
    method: str, origin: str | None, fetch_site: str | None, allowed: frozenset[str]
) -> Refusal | None:
    """Refuses what a page of another site sends. Programs send neither header.

    Reading is not refused: a browser does not show the answer to another site's page, and GET must change nothing. The
    port of an origin does not matter: whatever listens on this computer may speak to this host without a browser.
    """
    if method.upper() in _SAFE_METHODS:
        return None
    if origin is None:
        foreign = (fetch_site or "none").lower() == "cross-site"
    else:
        foreign = not _is_known(_host_of_origin(origin), allowed)
    if not foreign:
        return None
    return Refusal(
        403,
        f"A {method.upper()[:20]} of a web page of another site ({(origin or 'no Origin')[:255]!r}) is refused without"
        " --enable-auth: start the host with --allow-host and the name of that site if it is yours.",
    )


def front_door(allowed_hosts: Iterable[str], *, keys_decide: bool) -> Middleware:
    """The middleware that turns strangers away, and logs the first of each kind."""
    allowed = frozenset(name.lower() for name in allowed_hosts)
    told: set[str] = set()

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        refusal, kind = None, "host"
        hosts = request.headers.getall("Host", [])
        if hosts or request.version >= HttpVersion11:  # HTTP/1.0 knows no Host, and no browser speaks it
            given = [*hosts, request.host] if hosts else []
            refusal = judge_host(given, None if keys_decide else allowed)
        if refusal is None and not keys_decide:
            kind = "site"
            origin, fetch_site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
            refusal = judge_site(request.method, origin, fetch_site, allowed)
        if refusal is None:
            return await handler(request)
        if refusal.status == 403 and kind not in told:
            told.add(kind)
            _log.warning("%s (403; said once)", refusal.reason)
        answer = web.Response(status=refusal.status, text=refusal.reason)
        answer.force_close()
        return answer

    return guard


def _is_known(name: str | None, allowed: frozenset[str]) -> bool:
    return name is not None and (is_loopback(name) or name in allowed)


def _host_of_origin(origin: str) -> str | None:
    """None for `null` (a sandboxed frame, a file) and for what is no http origin."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return host_name(parts.netloc) if parts.scheme in {"http", "https"} else None
