"""Which function listens to which blobs, read from its trigger binding: path pattern, source, connection."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from functions_host.errors import StartRefusedError
from functions_host.loading.app_settings import expand
from functions_host.loading.deferred import binding_with_expression
from functions_host.loading.functions import LoadedFunction
from functions_host.triggers.blobs.connections import StorageAccount, resolve_connection

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|([^{}]+)")


@dataclass(frozen=True)
class PathPattern:
    """A container and a pattern over blob names; `prefix` is the literal text every match begins with."""

    container: str
    prefix: str
    text: str
    pattern: re.Pattern[str]
    tokens: tuple[str, ...]

    def match(self, blob_name: str) -> dict[str, str] | None:
        """Token values, or None. Tokens are greedy and cross slashes; case matters."""
        found = self.pattern.fullmatch(blob_name)
        if found is None:
            return None
        return dict(zip(self.tokens, found.groups(), strict=True))


def parse_path(path: str) -> PathPattern:
    """Parse `container/pattern` (settings already expanded); raises ValueError saying what is wrong."""
    container, slash, name = path.partition("/")
    if "{" in container or not container:
        raise ValueError(f"the container in {path!r} must be given, without braces")
    if not slash or not name:
        name = "{name}"  # a bare container means every blob in it
    pattern, prefix, tokens, position = "", "", [], 0
    while position < len(name):
        token = _TOKEN.match(name, position)
        if token is None:
            raise ValueError(f"unbalanced braces in {path!r}")
        position = token.end()
        if token[1] is not None:
            tokens.append(token[1])
            pattern += "(.*)"
        else:
            literal = token[2] or token[0][0]
            pattern += re.escape(literal)
            prefix += literal if not tokens else ""
    # Containers are named in lower case and compared ignoring case; blob names keep theirs.
    return PathPattern(container.lower(), prefix, name, re.compile(pattern, re.DOTALL), tuple(tokens))


@dataclass(frozen=True)
class BlobSubscription:
    """A blob-triggered function; `polled` False: only its Event Grid webhook fires it (contract C5).

    `connection` is the name of its setting. `by_reference`: deferred binding, it gets a reference instead of the bytes;
    `not_deferred_because_of` names the binding whose expression turns that off.
    """

    function: LoadedFunction
    pattern: PathPattern
    account: StorageAccount
    polled: bool
    connection: str = "AzureWebJobsStorage"
    by_reference: bool = False
    not_deferred_because_of: str | None = None

    def tokens(self, container: str, name: str) -> dict[str, str]:
        """The values of the path's tokens; none for a blob that the path does not match, which events may name."""
        if container.lower() != self.pattern.container:
            return {}
        return self.pattern.match(name) or {}


def subscription_of(function: LoadedFunction, settings: Mapping[str, str]) -> BlobSubscription:
    """Raises StartRefusedError for a bad path or source, SettingsError for a setting that is not set."""
    trigger = function.trigger
    path = expand(trigger.text("path"), settings, f"blob trigger of {function.name}")
    try:
        pattern = parse_path(path)
    except ValueError as error:
        raise StartRefusedError(function.name, f"blob path: {error}") from None
    source = trigger.text("source") or "LogsAndContainerScan"
    if source.lower() not in {"logsandcontainerscan", "eventgrid"}:
        raise StartRefusedError(
            function.name, f"blob source {source!r}: it must be LogsAndContainerScan or EventGrid"
        )
    connection = expand(trigger.text("connection"), settings, f"connection of {function.name}")
    account = resolve_connection(connection, settings)
    wanted = function.inputs[trigger.name].deferred
    undoing = binding_with_expression(function.bindings, trigger) if wanted else None
    return BlobSubscription(
        function,
        pattern,
        account,
        polled=source.lower() != "eventgrid",
        connection=connection or "AzureWebJobsStorage",
        by_reference=wanted and undoing is None,
        not_deferred_because_of=undoing.name if undoing else None,
    )
