"""What infra/ promises, read from its syntax tree: nothing public, no key, roles for what the code does."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
INFRA = ROOT / "infra"

# What the code does with each service -> the least built-in role that allows it.
ROLES = {
    "blobDataOwner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "blobDataContributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "blobDataReader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "queueDataContributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "tableDataContributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "metricsPublisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "durableTaskDataContributor": "0ad04412-c4d5-4796-b79c-f76d14c8d402",
}
GRANTS = {  # resource symbol -> (role, scope, who)
    "appBlobs": ("blobDataOwner", "account", "appPrincipalId"),  # lock blobs, package, images, quarantine
    "appQueues": ("queueDataContributor", "account", "appPrincipalId"),  # Durable, trigger, poison
    "appTables": ("tableDataContributor", "account", "appPrincipalId"),  # Durable history
    "appTelemetry": ("metricsPublisher", "insights", "appPrincipalId"),
    "agentImages": ("blobDataContributor", "images", "agent"),  # PutBlob and reading back, one container
    "deployerImages": ("blobDataContributor", "images", "deployerPrincipalId"),  # the first image
    "deployerReads": ("blobDataReader", "account", "deployerPrincipalId"),  # audit, doctor --cloud
    "appOrchestrations": ("durableTaskDataContributor", "scheduler", "appPrincipalId"),
}

# What the compiler may go on saying: file and code, with the reason beside it. Nothing, at present.
ACCEPTED_WARNINGS: dict[str, list[tuple[str, str]]] = {"main.bicep": [], "event-subscription.bicep": []}


def test_every_file_is_bicep_by_its_grammar(bicep):
    broken = [name for name, file in bicep.items() if file.root.has_error]
    assert not broken
    assert len(bicep) >= 14


def _compiler() -> list[str] | None:
    """The words before the file: BICEP names the compiler, else PATH has it, or an az that brings it."""
    if named := os.environ.get("BICEP") or shutil.which("bicep"):
        return [named, "build"]
    return ["az", "bicep", "build", "--file"] if shutil.which("az") else None


@pytest.mark.skipif(
    _compiler() is None,
    reason="no Bicep compiler: BICEP names none, neither bicep nor az is on PATH; CI compiles both entry templates",
)
@pytest.mark.parametrize("template", ["main.bicep", "event-subscription.bicep"])
def test_the_bicep_compiler_accepts_it_without_a_warning(template):
    compiler = _compiler()
    assert compiler is not None
    done = subprocess.run(
        [*compiler, INFRA / template, "--stdout"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    warnings = re.findall(r"([^/\\\n]+)\(\d+,\d+\) : (?:Warning|Info) (\S+):", done.stderr)
    assert sorted(warnings) == ACCEPTED_WARNINGS[template], done.stderr
    assert json.loads(done.stdout)["resources"]


def test_every_resource_has_its_reason_in_a_comment(bicep):
    silent = [
        f"{r.file}:{r.symbol}" for file in bicep.values() for r in file.resources if len(r.comment) < 20
    ]
    assert not silent


def test_each_module_gets_exactly_the_parameters_it_declares(bicep):
    main = bicep["main.bicep"].text
    for path, parameters in re.findall(r"^module \w+ '(.+?)'.*?^  params: \{\n(.*?)^  \}", main, re.M | re.S):
        given = set(re.findall(r"^    (\w+):", parameters, re.M))
        file = bicep[Path(path).name]
        optional = {n for n in file.parameters if re.search(rf"^param {n} \w+ = ", file.text, re.M)}
        assert given <= set(file.parameters), path
        assert set(file.parameters) - optional <= given, path


def test_outputs_that_are_used_exist(bicep):
    main = bicep["main.bicep"].text
    modules = dict(re.findall(r"^module (\w+) '(?:app/)?(.+?)'", main, re.M))
    used = re.findall(r"\b(\w+)!?\.outputs\.(\w+)", main)
    assert len(used) > 20
    for module, output in used:
        assert output in bicep[modules[module]].outputs, (module, output)


def test_no_parameter_and_no_variable_is_left_over(bicep):
    for file in bicep.values():
        for name in [*file.parameters, *file.variables]:
            assert len(re.findall(rf"\b{name}\b", file.text)) > 1, (file.name, name)


def test_storage_takes_no_key_and_no_anonymous_reader(bicep):
    account = next(r for r in bicep["storage.bicep"].resources if r.symbol == "account")
    assert account.value("properties.allowSharedKeyAccess") == "false"
    assert account.value("properties.allowBlobPublicAccess") == "false"
    assert account.value("properties.supportsHttpsTrafficOnly") == "true"
    containers = [r for r in bicep["storage.bicep"].resources if r.type.endswith("/containers")]
    assert len(containers) == 3
    assert {r.value("properties.publicAccess") for r in containers} == {"'None'"}


def test_sql_server_takes_entra_sign_in_only(bicep):
    server = next(r for r in bicep["database.bicep"].resources if r.symbol == "server")
    assert server.value("properties.administrators.azureADOnlyAuthentication") == "true"
    assert server.value("properties.administratorLogin") is None
    assert server.value("properties.administratorLoginPassword") is None


def test_the_only_opening_in_the_firewall_is_azures_own_and_absent_with_a_network(bicep):
    rules = [r for file in bicep.values() for r in file.resources if r.type.endswith("/firewallRules")]
    assert [r.symbol for r in rules] == ["fromAzure"]
    assert "if (!privateOnly)" in rules[0].text
    assert rules[0].value("properties.endIpAddress") == "'0.0.0.0'"


def test_with_a_network_storage_and_database_shut_their_public_door(bicep):
    main = bicep["main.bicep"].text
    assert main.count("privateOnly: vnetEnabled") == 2
    server = next(r for r in bicep["database.bicep"].resources if r.symbol == "server")
    account = next(r for r in bicep["storage.bicep"].resources if r.symbol == "account")
    assert server.value("properties.publicNetworkAccess") == "privateOnly ? 'Disabled' : 'Enabled'"
    assert account.value("properties.networkAcls.defaultAction") == "privateOnly ? 'Deny' : 'Allow'"
    groups = set(re.findall(r"group: '(\w+)'", bicep["private-endpoints.bicep"].text))
    assert groups == {"blob", "queue", "table", "sqlServer"}


def test_no_key_or_password_is_a_parameter_an_output_or_a_setting(bicep):
    for file in bicep.values():
        code = re.sub(r"//.*", "", file.text)
        assert not re.search(r"AccountKey|SharedAccess|[Pp]assword\b|\bpwd\b", code), file.name
        for keys in re.findall(r"list(?:Keys|AccountSas|Secrets)?\([^)]*\)", code):
            # the one exception: Event Grid's webhook takes a key only, read inside the deployment
            assert file.name == "event-subscription.bicep", (file.name, keys)
        assert not any(
            re.search(r"key|secret|password", name, re.I) for name in [*file.parameters, *file.outputs]
        )


def test_roles_are_exactly_those_that_the_code_needs(bicep):
    made = {
        r.symbol: r for file in bicep.values() for r in file.resources if r.type.endswith("/roleAssignments")
    }
    assert set(made) == set(GRANTS)
    for symbol, (role, scope, who) in GRANTS.items():
        text = made[symbol].text
        assert f"roleDefinitions', {role})" in text, symbol
        assert f"scope: {scope}\n" in text, symbol
        assert f"principalId: {who}\n" in text, symbol


def test_role_ids_are_the_built_in_ones(bicep):
    for file in ("access.bicep", "durable-task-scheduler.bicep"):
        for name, role_id in re.findall(r"^var (\w+) = '([0-9a-f-]{36})'", bicep[file].text, re.M):
            assert ROLES[name] == role_id


def test_subscription_takes_finished_uploads_of_the_image_container_only(bicep):
    text = bicep["event-subscription.bicep"].text
    assert "includedEventTypes: ['Microsoft.Storage.BlobCreated']" in text
    assert "subjectBeginsWith: '/blobServices/default/containers/${imageContainer}/'" in text
    assert "values: ['PutBlob', 'PutBlockList', 'CopyBlob', 'FlushWithClose']" in text
    assert "event-subscription" not in re.sub(r"//.*", "", bicep["main.bicep"].text)  # only after the code


def test_azd_finds_the_service_the_parameters_and_the_hooks(bicep):
    azure_yaml = (ROOT / "azure.yaml").read_text(encoding="utf-8")
    assert "  scoring:\n    project: .\n" in azure_yaml
    assert "'azd-service-name': 'scoring'" in bicep["function-app.bicep"].text
    for hook in re.findall(r"run: python3? (\S+)", azure_yaml):
        assert (ROOT / hook).is_file(), hook
    given = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    assert set(given) <= set(bicep["main.bicep"].parameters)


def test_hooks_read_only_outputs_that_exist(bicep):
    outputs = set(bicep["main.bicep"].outputs)
    for hook in sorted((INFRA / "hooks").glob("*.py")):
        read = set(re.findall(r"output\(environ, [\"'](\w+)[\"']\)", hook.read_text(encoding="utf-8")))
        assert read <= outputs, hook.name
    assert {"AGENT_STORAGE_ACCOUNT_URL", "AGENT_CONTAINER"} <= outputs


def test_every_parameter_that_azd_sets_is_one_of_the_template_and_no_array(bicep):
    """azd puts an environment variable into a text, number or boolean; an older one cannot make an array of it."""
    template = bicep["main.bicep"]
    given = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    assert set(given) <= set(template.parameters)
    kinds = dict(re.findall(r"^param (\w+) (\w+)", template.text, re.M))
    assert {kinds[name] for name in given} <= {"string", "int", "bool"}
    required = {name for name in kinds if re.search(rf"^param {name} \w+$", template.text, re.M)}
    assert required <= set(given)


def test_a_later_deployment_never_moves_the_budgets_first_day(bicep):
    """Azure answers 400 "Start date of budgets cannot be updated", which fails the whole deployment."""
    assert not [name for name, file in bicep.items() if "utcNow" in file.text]
    assert "if (!empty(mails) && !empty(budgetStart))" in bicep["main.bicep"].text
