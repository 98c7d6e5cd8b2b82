"""What Azure says of one deployment: everything the checks look at, gathered once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local_stack.errors import StackError
from local_stack.operate.cloud_doctor.azure import Ask, AzureRefusedError, Health

_WEB, _STORAGE, _SQL = "2024-04-01", "2024-01-01", "2023-08-01"
_EVENTS, _ROLES, _WORKSPACES = "2025-02-15", "2022-04-01", "2023-09-01"


@dataclass(frozen=True)
class Evidence:
    """Answers as the management API gives them; a part that is not there is an empty object or list.

    ``settings`` holds values, secrets among them: checks may compare them and never show them.
    """

    app: dict[str, Any]
    storage: dict[str, Any]
    sql_server: dict[str, Any] = field(default_factory=dict)
    database: dict[str, Any] = field(default_factory=dict)
    firewall: list[dict[str, Any]] = field(default_factory=list)
    functions: list[dict[str, Any]] = field(default_factory=list)
    subscriptions: list[dict[str, Any]] = field(default_factory=list)
    roles: list[dict[str, Any]] = field(default_factory=list)
    workspace: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict, repr=False)
    health: Health = field(default_factory=lambda: Health(0, {}, None))


def gather(group: str, app_name: str | None, ask: Ask, health: Callable[[str, str], Health]) -> Evidence:
    """Everything about the deployment in a resource group (a path). Raises StackError if there is no such thing."""
    try:
        found = ask("get", f"{group}/resources?api-version=2021-04-01")["value"]
    except AzureRefusedError as error:
        name = group.rpartition("/")[2]
        raise StackError(
            f"The resource group {name} cannot be read: {error.code}.", "check its name and `az account show`"
        ) from None
    app_id = _one(found, "Microsoft.Web/sites", app_name)
    storage_id = _one(found, "Microsoft.Storage/storageAccounts")
    app = ask("get", f"{app_id}?api-version={_WEB}")
    server_id = _optional(found, "Microsoft.Sql/servers")
    database_id = next(
        (i for i in _ids(found, "Microsoft.Sql/servers/databases") if not i.endswith("/master")), ""
    )
    topic_id, workspace_id = (
        _optional(found, kind)
        for kind in ("Microsoft.EventGrid/systemTopics", "Microsoft.OperationalInsights/workspaces")
    )
    return Evidence(
        app=app,
        storage=ask("get", f"{storage_id}?api-version={_STORAGE}"),
        sql_server=ask("get", f"{server_id}?api-version={_SQL}") if server_id else {},
        database=ask("get", f"{database_id}?api-version={_SQL}") if database_id else {},
        firewall=_listed(ask, f"{server_id}/firewallRules?api-version={_SQL}") if server_id else [],
        functions=_listed(ask, f"{app_id}/functions?api-version={_WEB}"),
        subscriptions=_listed(ask, f"{topic_id}/eventSubscriptions?api-version={_EVENTS}")
        if topic_id
        else [],
        roles=_listed(
            ask, f"{storage_id}/providers/Microsoft.Authorization/roleAssignments?api-version={_ROLES}"
        ),
        workspace=ask("get", f"{workspace_id}?api-version={_WORKSPACES}") if workspace_id else {},
        settings=ask("post", f"{app_id}/config/appsettings/list?api-version={_WEB}")["properties"],
        health=health(f"https://{app['properties']['defaultHostName']}", _function_key(ask, app_id)),
    )


def _function_key(ask: Ask, app_id: str) -> str:
    try:
        keys = ask("post", f"{app_id}/host/default/listkeys?api-version={_WEB}")
    except AzureRefusedError:  # a host that does not start has no keys to tell; the other checks say why
        return ""
    return str(keys.get("functionKeys", {}).get("default", ""))


def _listed(ask: Ask, path: str) -> list[dict[str, Any]]:
    try:
        return list(ask("get", path).get("value", []))
    except AzureRefusedError:  # the checks then find nothing, and say what that means
        return []


def _ids(found: list[dict[str, Any]], kind: str) -> list[str]:
    return [str(item["id"]) for item in found if item["type"].lower() == kind.lower()]


def _optional(found: list[dict[str, Any]], kind: str) -> str:
    return next(iter(_ids(found, kind)), "")


def _one(found: list[dict[str, Any]], kind: str, name: str | None = None) -> str:
    ids = [i for i in _ids(found, kind) if name is None or i.lower().endswith(f"/{name.lower()}")]
    if len(ids) != 1:
        raise StackError(
            f"The resource group has {len(ids)} of {kind}{f' named {name}' if name else ''}; one is needed.",
            "name the right group with --resource-group, and the function app with --app",
        )
    return ids[0]
