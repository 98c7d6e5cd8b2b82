"""Who may reach what: roles, firewalls, keys, the clock that every sign-in depends on."""

from __future__ import annotations

from typing import Any

from local_stack.install.findings import Finding, ok, problem
from local_stack.operate.cloud_doctor.evidence import Evidence

# Built-in role -> id. The app's identity needs all three on the storage account (infra/app/access.bicep).
APP_ROLES = {
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Storage Queue Data Contributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "Storage Table Data Contributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
}
# Entra refuses tokens from about five minutes on, storage signatures from fifteen.
MOST_SECONDS_OFF = 300


def roles(evidence: Evidence) -> Finding:
    """Has the app's identity its roles on the storage account?"""
    principals = _principals(evidence.app.get("identity") or {})
    if not principals:
        return problem(
            "the function app has no identity", "azd provision, or: az functionapp identity assign"
        )
    held = {
        assignment["properties"]["roleDefinitionId"].rpartition("/")[2].lower()
        for assignment in evidence.roles
        if assignment["properties"]["principalId"] in principals
    }
    missing = [name for name, role_id in APP_ROLES.items() if role_id not in held]
    if not missing:
        return ok("the app's identity has its roles on the storage account")
    commands = "; ".join(
        f"az role assignment create --assignee {principals[0]} --role '{name}' --scope {evidence.storage['id']}"
        for name in missing
    )
    return problem(
        f"the app's identity lacks {', '.join(missing)}", f"{commands} (takes effect within ten minutes)"
    )


def firewall(evidence: Evidence) -> Finding:
    """Can the app get to storage and database at all?"""
    in_network = bool(evidence.app["properties"].get("virtualNetworkSubnetId"))
    storage = evidence.storage["properties"]
    closed = (
        storage.get("publicNetworkAccess") == "Disabled"
        or storage.get("networkAcls", {}).get("defaultAction") == "Deny"
    )
    if closed and not in_network:
        return problem(
            "storage refuses public addresses, and the app is in no network",
            "azd env set VNET_ENABLED true; azd provision",
        )
    server = evidence.sql_server.get("properties", {})
    if server.get("publicNetworkAccess") == "Disabled" and not in_network:
        return problem(
            "the SQL server refuses public addresses, and the app is in no network",
            "azd env set VNET_ENABLED true; azd provision",
        )
    azure_may = any(rule["properties"].get("startIpAddress") == "0.0.0.0" for rule in evidence.firewall)  # noqa: S104  # nosec B104 (compared, not bound)
    if server and server.get("publicNetworkAccess") != "Disabled" and not in_network and not azure_may:
        return problem(
            "the SQL server's firewall has no rule for addresses of Azure, where the app runs",
            f"az sql server firewall-rule create -g {_group(evidence)} -s {evidence.sql_server['name']} "
            "-n AllowAllWindowsAzureIps --start-ip-address 0.0.0.0 --end-ip-address 0.0.0.0",
        )
    return ok("storage and database can be reached from the app")


def key_access(evidence: Evidence) -> Finding:
    """Does a setting hold a key that the storage account refuses?"""
    if evidence.storage["properties"].get("allowSharedKeyAccess") is not False:
        return ok("the storage account still takes keys")
    holders = sorted(name for name, value in evidence.settings.items() if "AccountKey=" in str(value))
    if holders:
        return problem(
            f"the storage account takes no keys, but {', '.join(holders)} holds one",
            f"delete {', '.join(holders)} and set the __blobServiceUri forms (docs/settings.md)",
        )
    return ok("sign-in by identity only, and no setting holds a key")


def clock(evidence: Evidence) -> Finding:
    """Is this computer's clock right? The agent's sign-in depends on it."""
    ahead = evidence.health.clock_ahead
    if ahead is None:
        return ok("not compared: the app did not answer")
    if abs(ahead) > MOST_SECONDS_OFF:
        way = "ahead of" if ahead > 0 else "behind"
        return problem(
            f"this computer's clock is {abs(ahead):.0f} s {way} Azure's", "turn on time synchronisation (NTP)"
        )
    return ok(f"this computer's clock agrees with Azure's to {abs(ahead):.0f} s")


def _principals(identity: dict[str, Any]) -> list[str]:
    assigned = [entry["principalId"] for entry in (identity.get("userAssignedIdentities") or {}).values()]
    return assigned + ([identity["principalId"]] if identity.get("principalId") else [])


def _group(evidence: Evidence) -> str:
    return str(evidence.app["id"]).split("/")[4]
