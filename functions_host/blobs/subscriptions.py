"""Which function listens to which blobs, read from its trigger binding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from functions_host.app_settings import expand
from functions_host.blobs.connections import StorageAccount, resolve_connection
from functions_host.blobs.path_pattern import PathPattern, parse_path
from functions_host.deferred import binding_with_expression
from functions_host.errors import StartRefusedError
from functions_host.functions import LoadedFunction


@dataclass(frozen=True)
class BlobSubscription:
    """A blob-triggered function; `polled` False: only its Event Grid webhook fires it (contract C5).

    `connection` is the name of its setting. `by_reference`: it is handed where the blob lies, not what is in it;
    `undone_by` names the binding whose expression makes the host send the content although a reference is wanted.
    """

    function: LoadedFunction
    pattern: PathPattern
    account: StorageAccount
    polled: bool
    connection: str = "AzureWebJobsStorage"
    by_reference: bool = False
    undone_by: str | None = None

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
            function.name, f"blob source {source!r} is neither LogsAndContainerScan nor EventGrid"
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
        undone_by=undoing.name if undoing else None,
    )
