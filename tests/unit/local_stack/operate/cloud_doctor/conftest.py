"""A healthy deployment, in the management API's own shapes, for tests to break one thing in.

Simulated, never recorded: no Azure was reachable. Shapes follow Azure's published resource types.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from local_stack.operate.cloud_doctor.azure import AzureRefusedError, Health
from local_stack.operate.cloud_doctor.evidence import Evidence, gather

GROUP = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-test"
APP = f"{GROUP}/providers/Microsoft.Web/sites/func-test"
STORAGE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/sttest"
SERVER = f"{GROUP}/providers/Microsoft.Sql/servers/sql-test"
TOPIC = f"{GROUP}/providers/Microsoft.EventGrid/systemTopics/evgt-test"
WORKSPACE = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/log-test"
PRINCIPAL = "aaaaaaaa-0000-0000-0000-000000000000"
FUNCTION_KEY = "canary-function-key"
ROLE_IDS = (
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
)

ANSWERS: dict[str, Any] = {
    f"{GROUP}/resources": {
        "value": [
            {"id": APP, "type": "Microsoft.Web/sites"},
            {"id": STORAGE, "type": "Microsoft.Storage/storageAccounts"},
            {"id": SERVER, "type": "Microsoft.Sql/servers"},
            {"id": f"{SERVER}/databases/master", "type": "Microsoft.Sql/servers/databases"},
            {"id": f"{SERVER}/databases/scores", "type": "Microsoft.Sql/servers/databases"},
            {"id": TOPIC, "type": "Microsoft.EventGrid/systemTopics"},
            {"id": WORKSPACE, "type": "Microsoft.OperationalInsights/workspaces"},
        ]
    },
    APP: {
        "id": APP,
        "name": "func-test",
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {"x": {"principalId": PRINCIPAL}}},
        "properties": {
            "state": "Running",
            "usageState": "Normal",
            "defaultHostName": "func-test.azurewebsites.net",
            "virtualNetworkSubnetId": None,
            "functionAppConfig": {"runtime": {"name": "python", "version": "3.13"}},
        },
    },
    f"{APP}/functions": {"value": [{"name": "func-test/start_on_blob"}]},
    f"{APP}/config/appsettings/list": {
        "properties": {
            "BLOB_TRIGGER_SOURCE": "EventGrid",
            "TASKHUB_NAME": "ImageScoring",
            "IMAGE_CONTAINER": "img",
            "IMAGE_STORAGE__blobServiceUri": "https://sttest.blob.core.windows.net/",
        }
    },
    f"{APP}/host/default/listkeys": {"functionKeys": {"default": FUNCTION_KEY}, "systemKeys": {}},
    STORAGE: {
        "id": STORAGE,
        "name": "sttest",
        "properties": {
            "allowSharedKeyAccess": False,
            "publicNetworkAccess": "Enabled",
            "networkAcls": {"defaultAction": "Allow"},
        },
    },
    f"{STORAGE}/providers/Microsoft.Authorization/roleAssignments": {
        "value": [
            {"properties": {"principalId": PRINCIPAL, "roleDefinitionId": f"/x/roleDefinitions/{role}"}}
            for role in ROLE_IDS
        ]
    },
    SERVER: {"id": SERVER, "name": "sql-test", "properties": {"publicNetworkAccess": "Enabled"}},
    f"{SERVER}/firewallRules": {
        "value": [{"name": "AllowAllWindowsAzureIps", "properties": {"startIpAddress": "0.0.0.0"}}]
    },
    f"{SERVER}/databases/scores": {"name": "scores", "properties": {"status": "Online"}},
    f"{TOPIC}/eventSubscriptions": {
        "value": [
            {
                "properties": {
                    "provisioningState": "Succeeded",
                    "destination": {
                        "endpointType": "WebHook",
                        "properties": {
                            "endpointBaseUrl": "https://func-test.azurewebsites.net/runtime/webhooks/blobs"
                        },
                    },
                    "filter": {"subjectBeginsWith": "/blobServices/default/containers/img/"},
                }
            }
        ]
    },
    WORKSPACE: {"properties": {"workspaceCapping": {"dataIngestionStatus": "RespectQuota"}}},
}
HEALTHY = Health(200, {"storage": {"ok": True}, "database": {"ok": True}}, 0.4)


class Simulated:
    """Azure's answers; ``of(path)`` is the part to break. What was asked is remembered."""

    def __init__(self) -> None:
        self.answers = copy.deepcopy(ANSWERS)
        self.health = HEALTHY
        self.asked: list[str] = []
        self.keys_shown_to_the_app: list[str] = []

    def of(self, path: str) -> dict[str, Any]:
        return self.answers[path]

    def ask(self, method: str, path: str) -> Any:
        plain, _, query = path.partition("?")
        assert query.startswith("api-version=20")
        self.asked.append(plain)
        answer = self.answers.get(plain)
        if answer is None:
            raise AzureRefusedError(path, '{"error": {"code": "ResourceNotFound"}}')
        return answer

    def ask_health(self, url: str, key: str) -> Health:
        assert url == "https://func-test.azurewebsites.net"
        self.keys_shown_to_the_app.append(key)
        return self.health

    def evidence(self, app: str | None = None) -> Evidence:
        return gather(GROUP, app, self.ask, self.ask_health)


@pytest.fixture
def azure() -> Simulated:
    return Simulated()


@pytest.fixture
def paths() -> Callable[[str], str]:
    known = {
        "app": APP,
        "storage": STORAGE,
        "server": SERVER,
        "topic": TOPIC,
        "workspace": WORKSPACE,
        "group": GROUP,
    }
    return known.__getitem__
