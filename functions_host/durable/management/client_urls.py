"""The URLs clients are given: the durable-client binding (contract B6) and creation payloads."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from functions_host.durable.events import dumps

PUBLIC_PATH = "/runtime/webhooks/durabletask"
_OPERATIONS = {
    "statusQueryGetUri": ("", ""),
    "sendEventPostUri": ("/raiseEvent/{eventName}", ""),
    "terminatePostUri": ("/terminate", "reason={text}"),
    "rewindPostUri": ("/rewind", "reason={text}"),
    "purgeHistoryDeleteUri": ("", ""),
    "restartPostUri": ("/restart", ""),
    "suspendPostUri": ("/suspend", "reason={text}"),
    "resumePostUri": ("/resume", "reason={text}"),
}


def management_urls(base: str, instance_id: str, query: str, *, quoted: bool = True) -> dict[str, str]:
    """`id` and one URL per operation; `base` ends before `/instances`."""
    path = f"{base}/instances/{quote(instance_id, safe='') if quoted else instance_id}"
    urls = {"id": instance_id}
    for key, (operation, argument) in _OPERATIONS.items():
        arguments = "&".join(part for part in (argument, query) if part)
        urls[key] = f"{path}{operation}" + (f"?{arguments}" if arguments else "")
    return urls


def required_query(hub_name: str, system_key: str | None) -> str:
    """`taskHub=..&connection=..&code=..`, what every public URL carries."""
    arguments: Mapping[str, str] = {"taskHub": hub_name, "connection": "Storage"}
    return urlencode({**arguments, **({"code": system_key} if system_key else {})})


def client_binding(origin: str, rpc_base_url: str, hub_name: str, system_key: str | None) -> str:
    """JSON datum of a durable-client binding. The SDK replaces the literal INSTANCEID itself."""
    base = f"{origin.rstrip('/')}{PUBLIC_PATH}"
    query = required_query(hub_name, system_key)
    create = f"{base}/orchestrators/{{functionName}}[/{{instanceId}}]?{query}"
    return dumps(
        {
            "taskHubName": hub_name,
            "creationUrls": {
                "createNewInstancePostUri": create,
                "createAndWaitOnNewInstancePostUri": f"{create}&timeout={{timeoutInSeconds}}"
                "&pollingInterval={intervalInSeconds}",
            },
            "managementUrls": management_urls(base, "INSTANCEID", query),
            "baseUrl": base,
            "requiredQueryStringParameters": query,
            "rpcBaseUrl": rpc_base_url if rpc_base_url.endswith("/") else f"{rpc_base_url}/",
        }
    )
