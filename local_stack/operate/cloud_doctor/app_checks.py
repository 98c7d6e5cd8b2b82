"""The app itself: its Python, its functions, its events, its hub, its database, and what has run out."""

from __future__ import annotations

import re
from typing import Any

from local_stack.install.findings import Finding, note, ok, problem
from local_stack.operate.cloud_doctor.evidence import Evidence

SUPPORTED_PYTHON = ("3.11", "3.12", "3.13")
BLOB_WEBHOOK = "/runtime/webhooks/blobs"
_HUB = re.compile(r"[A-Za-z][A-Za-z0-9]{2,44}")
_DRIVER = re.compile(r"odbc|driver", re.IGNORECASE)
_MIGRATE = "azd hooks run postprovision (migrations, the app's user)"
# By the reason codes of function_app/results/mssql/odbc_errors.py.
_DATABASE_REMEDIES = {
    "not_migrated": _MIGRATE,
    "sign_in_failed": _MIGRATE,
    "not_permitted": _MIGRATE,
    "firewall": "azd provision (the server's rule for addresses of Azure, or the private endpoints)",
    "misconfigured": "azd provision (the app's settings)",
}


def python(evidence: Evidence) -> Finding:
    """Does the app run on a Python it supports, and were its functions found?"""
    config = evidence.app["properties"].get("functionAppConfig") or {}
    runtime = config.get("runtime") or {}
    version = str(runtime.get("version", ""))
    if runtime.get("name") != "python" or version not in SUPPORTED_PYTHON:
        return problem(
            f"the app runs on {runtime.get('name') or 'no runtime'} {version}",
            "azd env set FUNCTION_PYTHON_VERSION 3.12; azd provision; azd deploy",
        )
    if not evidence.functions:
        return problem(
            "the host found no function in the app",
            "publish again from the project's root; packages must be built for "
            f"Python {version} (pipeline.py package --python {version}); the log stream shows the import error",
        )
    return ok(f"Python {version}, {len(evidence.functions)} functions")


def events(evidence: Evidence) -> Finding:
    """Does Event Grid tell the app of uploads? Flex Consumption polls nothing."""
    if evidence.settings.get("BLOB_TRIGGER_SOURCE") != "EventGrid":
        return problem(
            "BLOB_TRIGGER_SOURCE is not EventGrid, the only source that Flex Consumption takes",
            "azd provision",
        )
    container = evidence.settings.get("IMAGE_CONTAINER", "img")
    remedy = "azd hooks run postdeploy"
    ours = [s["properties"] for s in evidence.subscriptions if BLOB_WEBHOOK in _address(s)]
    if not ours:
        return problem(
            "no Event Grid subscription calls the app's blob webhook: uploads start nothing", remedy
        )
    if all(s.get("provisioningState") not in ("Succeeded", None) for s in ours):
        return problem(f"the Event Grid subscription is {ours[0].get('provisioningState')}", remedy)
    wanted = f"/blobServices/default/containers/{container}/"
    if not any(wanted.startswith(str(s.get("filter", {}).get("subjectBeginsWith") or "")) for s in ours):
        return problem(f"the Event Grid subscription does not cover the container {container}", remedy)
    return ok(f"Event Grid tells the app of uploads to {container}")


def hub(evidence: Evidence) -> Finding:
    """Is the task hub's name one that Durable Functions takes?"""
    name = evidence.settings.get("TASKHUB_NAME", "")
    if not _HUB.fullmatch(name):
        said = (
            f"TASKHUB_NAME {name!r} is not 3 to 45 letters and digits, a letter first"
            if name
            else "TASKHUB_NAME is not set"
        )
        return problem(f"{said}: no orchestration can start", "set TASKHUB_NAME, for example ImageScoring")
    return ok(f"task hub {name}")


def database(evidence: Evidence) -> Finding:
    """Is the database awake, and is it used up?"""
    properties = evidence.database.get("properties", {})
    status = str(properties.get("status", ""))
    if not status:
        return problem("there is no database in the resource group", "azd provision")
    if (
        status == "Paused"
        and properties.get("useFreeLimit")
        and properties.get("freeLimitExhaustionBehavior") == "AutoPause"
    ):
        return note(
            "the database is paused: asleep, or the free offer's monthly amount is used up",
            "if the next image does not wake it: portal > the database > Compute and storage > continue for a charge",
        )
    if status in ("Paused", "Pausing", "Resuming"):
        return note(
            f"the database is {status.lower()}: the next image waits up to a minute, and is retried", ""
        )
    if status != "Online":
        return problem(f"the database is {status}", "see the database's activity log in the portal")
    return ok("the database is online")


def driver(evidence: Evidence) -> Finding:
    """Does the app reach its database? A missing ODBC driver shows here first."""
    health = evidence.health
    if health.status == 0:
        return problem(
            "the app did not answer /api/health within 90 s",
            "az webapp log tail, or Application Insights > Failures",
        )
    # A driver that is not there keeps the app from opening its database at all: it then tells of "settings" alone.
    check = health.checks.get("database") or health.checks.get("settings")
    if not isinstance(check, dict):
        return problem(
            f"the app answered /api/health with {health.status} and no check of its database",
            "see its log"
            if health.status != 401
            else "you may not read its keys: ask for Website Contributor",
        )
    if check.get("ok"):
        return ok("the app reaches its database")
    reason = str(check.get("reason") or "")
    if _DRIVER.search(reason):
        return problem(
            "the app has no ODBC driver for SQL Server",
            "run it on Python 3.11 or 3.12, whose images carry driver 18, or publish with `func … --build-native-deps`",
        )
    code = reason.partition(":")[0]
    if code == "database_resuming":
        return note("the app's database is waking up: images wait up to a minute, and are retried", "")
    return problem(
        f"the app cannot use its database: {reason[:200]}",
        _DATABASE_REMEDIES.get(code, "see `database` above and the app's log"),
    )


def quota(evidence: Evidence) -> Finding:
    """Has something run out?"""
    app, workspace = evidence.app["properties"], evidence.workspace.get("properties", {})
    if app.get("usageState") == "Exceeded" or app.get("state") == "Stopped":
        return problem(
            f"the function app is {app.get('state', 'stopped')}, usage {app.get('usageState')}",
            "raise the quota; az functionapp start",
        )
    ingestion = (workspace.get("workspaceCapping") or {}).get("dataIngestionStatus")
    if ingestion == "OverQuota":
        return problem(
            "today's telemetry is used up: nothing more is logged until tomorrow",
            "raise dailyCapGb in infra/app/monitoring.bicep",
        )
    return ok("no quota is used up")


def _address(subscription: dict[str, Any]) -> str:
    # Azure tells a webhook's address without its query, which holds the key.
    told = (subscription["properties"].get("destination") or {}).get("properties") or {}
    return str(told.get("endpointBaseUrl") or told.get("endpointUrl") or "")
