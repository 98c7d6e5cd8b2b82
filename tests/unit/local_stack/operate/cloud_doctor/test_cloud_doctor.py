"""``doctor --cloud``: a healthy deployment has no finding; each usual failure is named, with its remedy."""

from __future__ import annotations

import pytest

from local_stack.errors import StackError
from local_stack.install.findings import Finding
from local_stack.operate.cloud_doctor.azure import AzureRefusedError, Health
from local_stack.operate.cloud_doctor.examination import CHECKS, examine


def verdict(azure, name: str) -> Finding:
    return dict(examine(azure.evidence()))[name]


def only_problem(azure, name: str) -> Finding:
    """The verdict of the check; no other check may complain of what is not its own."""
    verdicts = dict(examine(azure.evidence()))
    assert {n for n, v in verdicts.items() if v.level == "problem"} == {name}
    assert verdicts[name].remedy
    return verdicts[name]


def test_a_healthy_deployment_has_no_finding(azure):
    verdicts = dict(examine(azure.evidence()))
    assert len(verdicts) == len(CHECKS) == 10
    assert {v.level for v in verdicts.values()} == {"ok"}
    assert azure.keys_shown_to_the_app == ["canary-function-key"]


def test_role_missing(azure, paths):
    del azure.of(f"{paths('storage')}/providers/Microsoft.Authorization/roleAssignments")["value"][1]
    found = only_problem(azure, "roles")
    assert "Storage Queue Data Contributor" in found.finding
    assert "Storage Blob" not in found.finding
    assert f"--scope {paths('storage')}" in found.remedy


def test_role_given_to_somebody_else_does_not_count(azure, paths):
    for held in azure.of(f"{paths('storage')}/providers/Microsoft.Authorization/roleAssignments")["value"]:
        held["properties"]["principalId"] = "somebody"
    assert "Table Data Contributor" in only_problem(azure, "roles").finding


def test_firewall_of_the_server_lets_nobody_in(azure, paths):
    azure.of(f"{paths('server')}/firewallRules")["value"].clear()
    assert "AllowAllWindowsAzureIps" in only_problem(azure, "firewall").remedy


@pytest.mark.parametrize("which", ["storage", "server"])
def test_firewall_private_services_and_an_app_outside(azure, paths, which):
    azure.of(paths(which))["properties"]["publicNetworkAccess"] = "Disabled"
    assert "in no network" in only_problem(azure, "firewall").finding
    azure.of(paths("app"))["properties"]["virtualNetworkSubnetId"] = "/subnets/app"
    assert verdict(azure, "firewall").level == "ok"


def test_database_paused(azure, paths):
    azure.of(f"{paths('server')}/databases/scores")["properties"]["status"] = "Paused"
    found = verdict(azure, "database")
    assert (found.level, "paused" in found.finding) == ("note", True)


def test_database_paused_because_the_free_amount_is_used_up(azure, paths):
    free = {"status": "Paused", "useFreeLimit": True, "freeLimitExhaustionBehavior": "AutoPause"}
    azure.of(f"{paths('server')}/databases/scores")["properties"] = free
    assert "Compute and storage" in verdict(azure, "database").remedy


def test_driver_missing(azure):
    reason = "database_driver: no ODBC driver for SQL Server"
    azure.health = Health(503, {"database": {"ok": False, "reason": reason}}, 0.0)
    assert "driver 18" in only_problem(azure, "driver").remedy


def test_driver_missing_where_the_app_could_not_even_open_its_database(azure):
    reason = (
        "misconfigured: SQL Server is configured, but there is no ODBC driver for it. On Debian install ..."
    )
    azure.health = Health(503, {"settings": {"ok": False, "reason": reason}}, 0.0)
    assert "driver 18" in only_problem(azure, "driver").remedy


def test_a_database_that_wakes_up_is_no_fault_of_the_app(azure, paths):
    azure.of(f"{paths('server')}/databases/scores")["properties"]["status"] = "Resuming"
    azure.health = Health(503, {"database": {"ok": False, "reason": "database_resuming: the database is"}}, 0)
    levels = {name: v.level for name, v in examine(azure.evidence())}
    assert (levels["driver"], levels["database"]) == ("note", "note")
    assert "problem" not in levels.values()


@pytest.mark.parametrize(
    ("code", "remedy"),
    [("sign_in_failed", "postprovision"), ("not_permitted", "postprovision"), ("firewall", "azd provision"),
     ("misconfigured", "settings"), ("store_timeout", "log")],
)  # fmt: skip
def test_what_the_app_says_of_its_database_has_its_own_remedy(azure, code, remedy):
    azure.health = Health(503, {"database": {"ok": False, "reason": f"{code}: words"}}, 0.0)
    assert remedy in only_problem(azure, "driver").remedy


def test_an_app_that_refuses_our_key_is_no_database_problem(azure):
    azure.health = Health(401, {}, 0.0)
    assert "keys" in only_problem(azure, "driver").remedy


def test_every_reason_with_a_remedy_is_one_that_the_app_gives():
    from function_app.results.mssql.odbc_errors import WAITING
    from local_stack.operate.cloud_doctor.app_checks import _DATABASE_REMEDIES

    given = {reason for reason, _ in WAITING.values()} | {"misconfigured"}
    assert set(_DATABASE_REMEDIES) <= given
    assert "database_resuming" in given


def test_database_unusable_for_another_reason_says_it(azure):
    azure.health = Health(
        503, {"database": {"ok": False, "reason": "not_migrated: Migration 0 is applied"}}, 0.0
    )
    assert "not_migrated" in only_problem(azure, "driver").finding


def test_app_that_does_not_answer(azure):
    azure.health = Health(0, {}, None)
    assert "did not answer" in only_problem(azure, "driver").finding


def test_wrong_python(azure, paths):
    azure.of(paths("app"))["properties"]["functionAppConfig"]["runtime"]["version"] = "3.9"
    assert "python 3.9" in only_problem(azure, "python").finding


def test_no_function_found_by_the_host(azure, paths):
    azure.of(f"{paths('app')}/functions")["value"].clear()
    assert "Python 3.13" in only_problem(azure, "python").remedy


def test_no_event_grid_subscription(azure, paths):
    azure.of(f"{paths('topic')}/eventSubscriptions")["value"].clear()
    assert "uploads start nothing" in only_problem(azure, "events").finding


def test_event_grid_subscription_of_another_container(azure, paths):
    subscription = azure.of(f"{paths('topic')}/eventSubscriptions")["value"][0]["properties"]
    subscription["filter"]["subjectBeginsWith"] = "/blobServices/default/containers/other/"
    assert "container img" in only_problem(azure, "events").finding


def test_event_grid_subscription_that_failed_its_handshake(azure, paths):
    azure.of(f"{paths('topic')}/eventSubscriptions")["value"][0]["properties"]["provisioningState"] = "Failed"
    assert "Failed" in only_problem(azure, "events").finding


def test_polling_on_flex_consumption(azure, paths):
    settings = azure.of(f"{paths('app')}/config/appsettings/list")["properties"]
    settings["BLOB_TRIGGER_SOURCE"] = "LogsAndContainerScan"
    assert "EventGrid" in only_problem(azure, "events").finding


def test_key_access_disabled_while_a_setting_holds_a_key(azure, paths):
    settings = azure.of(f"{paths('app')}/config/appsettings/list")["properties"]
    settings["IMAGE_STORAGE"] = "AccountName=st;AccountKey=canary-secret"
    found = only_problem(azure, "keys")
    assert "IMAGE_STORAGE" in found.finding
    azure.of(paths("storage"))["properties"]["allowSharedKeyAccess"] = True
    assert verdict(azure, "keys").level == "ok"


@pytest.mark.parametrize("name", ["", "x", "1hub", "my-hub", "h" * 46])
def test_hub_name(azure, paths, name):
    azure.of(f"{paths('app')}/config/appsettings/list")["properties"]["TASKHUB_NAME"] = name
    assert "TASKHUB_NAME" in only_problem(azure, "task hub").finding


@pytest.mark.parametrize(("ahead", "words"), [(901.0, "901 s ahead of"), (-400.0, "400 s behind")])
def test_clock(azure, ahead, words):
    azure.health = Health(200, {"database": {"ok": True}}, ahead)
    assert words in only_problem(azure, "clock").finding


def test_quota_of_the_app(azure, paths):
    azure.of(paths("app"))["properties"] |= {"state": "QuotaExceeded", "usageState": "Exceeded"}
    assert "Exceeded" in only_problem(azure, "quota").finding


def test_quota_of_telemetry(azure, paths):
    azure.of(paths("workspace"))["properties"]["workspaceCapping"]["dataIngestionStatus"] = "OverQuota"
    assert "telemetry" in only_problem(azure, "quota").finding


def test_no_secret_is_ever_shown(azure, paths):
    settings = azure.of(f"{paths('app')}/config/appsettings/list")["properties"]
    settings |= {"IMAGE_STORAGE": "AccountKey=canary-secret", "TASKHUB_NAME": "-"}
    evidence = azure.evidence()
    shown = f"{evidence!r}" + "".join(f"{v}" for _, v in examine(evidence))
    assert "canary" not in shown


def test_parts_that_cannot_be_read_are_findings_and_not_tracebacks(azure, paths):
    for path in (
        f"{paths('app')}/functions",
        f"{paths('topic')}/eventSubscriptions",
        f"{paths('app')}/host/default/listkeys",
    ):
        del azure.answers[path]
    levels = {name: v.level for name, v in examine(azure.evidence())}
    assert levels["python"] == levels["events"] == "problem"


def test_a_group_that_is_not_there_or_not_ours_is_a_sentence(azure, paths):
    with pytest.raises(StackError, match=r"0 of Microsoft\.Web/sites named other"):
        azure.evidence("other")
    del azure.answers[f"{paths('group')}/resources"]
    with pytest.raises(StackError, match="rg-test cannot be read: ResourceNotFound"):
        azure.evidence()


def test_azures_error_code_is_found_in_what_az_prints():
    text = 'ERROR: Forbidden({"error":{"code":"AuthorizationFailed","message":"The client …"}})'
    assert AzureRefusedError("/x?api-version=1", text).code == "AuthorizationFailed"
    assert "Connection refused" in AzureRefusedError("/x", "Connection refused").code
