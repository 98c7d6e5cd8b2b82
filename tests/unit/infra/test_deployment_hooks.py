"""The azd hooks, driven with recorded answers of az and of the migrations in place of Azure."""

from __future__ import annotations

import importlib
import os
import re
import runpy
import sys
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import pytest

HOOKS = Path(__file__).resolve().parents[3] / "infra" / "hooks"
ENVIRONMENT = {
    "AZURE_RESOURCE_GROUP": "rg-test", "FUNCTION_APP_NAME": "func-test", "FUNCTION_APP_URL": "https://func-test",
    "EVENT_GRID_TOPIC_NAME": "evgt-test", "SQL_SERVER_NAME": "sql-test", "SQL_DATABASE_NAME": "scores",
    "SQL_SERVER_HOST": "sql-test.database.windows.net", "APP_IDENTITY_NAME": "id-test",
    "APP_IDENTITY_CLIENT_ID": "11111111-2222-3333-4444-555555555555", "VNET_ENABLED": "false",
    "AGENT_STORAGE_ACCOUNT_URL": "https://st.blob.core.windows.net/", "AGENT_CONTAINER": "img",
}  # fmt: skip
# The text that SQL Server answers an address with that its firewall does not know (error 40615).
REFUSED = (
    "[42000] Cannot open server 'sql-test' requested by the login. Client with IP address '203.0.113.7' "
    "is not allowed to access the server. (40615)"
)


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    monkeypatch.syspath_prepend(str(HOOKS))
    names = ("deployment", "environment", "postprovision", "postdeploy", "app_user")
    modules = {name: importlib.import_module(name) for name in names}
    monkeypatch.setattr(modules["postprovision"], "prepared", lambda run: Path("python-of-the-hooks"))
    yield modules
    for name in names:
        sys.modules.pop(name, None)


class Recorded:
    """Answers commands in order of the words they contain, and remembers what was run."""

    def __init__(self, hooks: dict[str, ModuleType], answers: Sequence[tuple[str, int, str]]) -> None:
        self._finished = hooks["deployment"].Finished
        self._answers = list(answers)
        self.commands: list[str] = []

    def __call__(self, command: Sequence[str], doing: str) -> object:
        words = " ".join(map(str, command))
        self.commands.append(words)
        for answer in self._answers:
            if answer[0] in words:
                if sum(a[0] == answer[0] for a in self._answers) > 1:
                    self._answers.remove(answer)
                return self._finished(*answer[1:])
        return self._finished(0, "")


def test_database_is_migrated_as_the_deployer_and_the_user_made_without_a_secret(hooks):
    run = Recorded(hooks, [])
    assert hooks["postprovision"].main(ENVIRONMENT, run) == 0
    migrate, user = run.commands
    assert migrate.startswith("python-of-the-hooks -m sql_migrations up --database Server=tcp:sql-test.")
    assert ";Database=scores;" in migrate
    assert "Authentication=ActiveDirectoryDefault" in migrate
    assert "TrustServerCertificate=no" in migrate
    assert user.startswith("python-of-the-hooks infra/hooks/app_user.py")
    assert "--name id-test" in user


def test_firewall_is_opened_for_this_one_address_and_shut_again(hooks):
    waits: list[float] = []
    run = Recorded(
        hooks, [("sql_migrations", 1, REFUSED), ("sql_migrations", 1, REFUSED), ("sql_migrations", 0, "done")]
    )
    assert hooks["postprovision"].main(ENVIRONMENT, run, waits.append) == 0
    assert "--start-ip-address 203.0.113.7 --end-ip-address 203.0.113.7" in run.commands[1]
    assert "firewall-rule delete" in run.commands[-1]
    assert waits == [10]


def test_a_sleeping_database_is_tried_until_it_is_awake(hooks):
    waits: list[float] = []
    asleep = "Database 'scores' on server 'sql-test' is not currently available. Please retry. (40613)"
    run = Recorded(
        hooks, [("sql_migrations", 1, asleep), ("sql_migrations", 1, asleep), ("sql_migrations", 0, "done")]
    )
    assert hooks["postprovision"].main(ENVIRONMENT, run, waits.append) == 0
    assert waits == [10, 10]
    assert not any("firewall-rule" in command for command in run.commands)


def test_a_database_that_never_wakes_fails_the_hook_with_its_own_words(hooks, capsys):
    run = Recorded(hooks, [("sql_migrations", 1, "is not currently available (40613)")])
    assert hooks["postprovision"].main(ENVIRONMENT, run, lambda _: None) == 1
    assert len(run.commands) == hooks["postprovision"].TRIES
    assert "40613" in capsys.readouterr().err


def test_firewall_is_shut_again_when_the_migration_fails(hooks, capsys):
    run = Recorded(
        hooks, [("sql_migrations", 1, REFUSED), ("sql_migrations", 1, "V002 was changed after it ran")]
    )
    assert hooks["postprovision"].main(ENVIRONMENT, run, lambda _: None) == 1
    assert "firewall-rule delete" in run.commands[-1]
    assert "V002 was changed" in capsys.readouterr().err


def test_a_private_database_is_not_tried_from_outside(hooks, capsys):
    run = Recorded(hooks, [])
    assert hooks["postprovision"].main({**ENVIRONMENT, "VNET_ENABLED": "true"}, run) == 1
    assert run.commands == []
    assert "INSIDE_NETWORK" in capsys.readouterr().err
    inside = {**ENVIRONMENT, "VNET_ENABLED": "true", "INSIDE_NETWORK": "1"}
    assert hooks["postprovision"].main(inside, Recorded(hooks, [])) == 0


def test_a_missing_output_is_named(hooks, capsys):
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "SQL_SERVER_HOST"}
    assert hooks["postprovision"].main(environment, Recorded(hooks, [])) == 1
    assert "SQL_SERVER_HOST" in capsys.readouterr().err


def test_subscription_waits_until_the_host_has_made_its_key(hooks, capsys):
    waits: list[float] = []
    not_yet = "The language expression property 'blobs_extension' doesn't exist"
    run = Recorded(hooks, [("event-subscription", 1, not_yet), ("event-subscription", 0, "")])
    assert hooks["postdeploy"].main(ENVIRONMENT, run, waits.append) == 0
    assert waits == [30]
    assert "topicName=evgt-test" in run.commands[0]
    assert "AGENT_STORAGE_ACCOUNT_URL=https://st.blob" in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer",
    ["Webhook validation handshake failed for https://func-test", "(InternalServerError) from host runtime"],
)
def test_subscription_waits_for_a_host_that_is_starting(hooks, answer):
    waits: list[float] = []
    run = Recorded(hooks, [("event-subscription", 1, answer), ("event-subscription", 0, "")])
    assert hooks["postdeploy"].main(ENVIRONMENT, run, waits.append) == 0
    assert waits == [30]


@pytest.mark.parametrize(
    "answer", ["AuthorizationFailed: no permission", "InvalidTemplate: template validation failed"]
)
def test_a_refusal_that_waiting_cannot_mend_is_said_at_once(hooks, capsys, answer):
    waits: list[float] = []
    run = Recorded(hooks, [("event-subscription", 1, answer)])
    assert hooks["postdeploy"].main(ENVIRONMENT, run, waits.append) == 1
    assert waits == []
    assert answer in capsys.readouterr().err


def test_an_absent_az_is_a_sentence(hooks):
    with pytest.raises(hooks["deployment"].HookError, match="not installed"):
        hooks["deployment"].run(["no-such-command-anywhere"], "trying")


def test_a_command_that_takes_its_time_is_said_to_be_running(hooks, capsys):
    wait_for_a_word = [sys.executable, "-c", "import time; time.sleep(0.5); print('done')"]
    finished = hooks["deployment"].run(wait_for_a_word, "waiting for Azure", every=0.05)
    assert (finished.code, finished.output) == (0, "done\n")
    assert "waiting for Azure (0 s)" in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="stands in for Windows, where nothing needs to")
def test_a_command_is_run_under_the_name_that_path_search_found(hooks, tmp_path, monkeypatch):
    """On Windows az is az.cmd: a process started as "az" does not exist there."""
    found = tmp_path / "az.cmd"
    found.write_text("#!/bin/sh\necho az.cmd $1\n")
    found.chmod(0o755)
    monkeypatch.setattr(hooks["deployment"].shutil, "which", {"az": str(found)}.get)
    assert hooks["deployment"].run(["az", "version"], "asking").output == "az.cmd version\n"


class Installing:
    """Takes the place of venv and pip: makes the interpreter's file, and answers as told."""

    def __init__(self, hooks: dict[str, ModuleType], pip: tuple[int, str] = (0, "")) -> None:
        self._finished, self._pip = hooks["deployment"].Finished, pip
        self.commands: list[str] = []

    def __call__(self, command: Sequence[str], doing: str) -> object:
        self.commands.append(" ".join(command))
        if command[1:3] == ["-m", "venv"]:
            python = Path(command[-1]) / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
            python.parent.mkdir(parents=True, exist_ok=True)
            python.touch()
            return self._finished(0, "")
        return self._finished(*self._pip)


def test_the_hooks_environment_is_made_by_hash_once(hooks, tmp_path):
    prepared, install = hooks["environment"].prepared, Installing(hooks)
    python = prepared(install, tmp_path / "env")
    assert python.is_relative_to(tmp_path / "env")
    make, pip = install.commands
    assert make == f"{sys.executable} -m venv --clear {tmp_path / 'env'}"
    assert pip.startswith(f"{python} -m pip install")
    assert "--require-hashes" in pip
    assert pip.endswith(str(HOOKS.parent / "requirements.txt"))
    assert prepared(install, tmp_path / "env") == python
    assert len(install.commands) == 2


def test_the_hooks_environment_is_made_anew_for_other_requirements(hooks, tmp_path, monkeypatch):
    environment, first, second = hooks["environment"], Installing(hooks), Installing(hooks)
    environment.prepared(first, tmp_path / "env")
    (tmp_path / "other.txt").write_text("pyodbc==9.9.9")
    monkeypatch.setattr(environment, "REQUIREMENTS", tmp_path / "other.txt")
    environment.prepared(second, tmp_path / "env")
    assert len(second.commands) == 2


def test_an_installation_that_failed_is_told_and_tried_again_next_time(hooks, tmp_path):
    failing = Installing(hooks, pip=(1, "ERROR: No matching distribution found for pyodbc"))
    with pytest.raises(hooks["deployment"].HookError, match="No matching distribution"):
        hooks["environment"].prepared(failing, tmp_path / "env")
    again = Installing(hooks)
    hooks["environment"].prepared(again, tmp_path / "env")
    assert len(again.commands) == 2


def test_the_hooks_take_the_pythons_that_the_launcher_takes(hooks):
    launcher = runpy.run_path(str(HOOKS.parents[1] / "pipeline.py"), run_name="pipeline")
    environment = hooks["environment"]
    assert (launcher["OLDEST"], launcher["NEWEST"]) == (environment.OLDEST, environment.NEWEST)


def test_a_python_that_is_too_old_is_named_before_anything_is_installed(hooks, tmp_path, monkeypatch):
    monkeypatch.setattr(hooks["environment"], "OLDEST", (3, 99))
    install = Installing(hooks)
    with pytest.raises(hooks["deployment"].HookError, match=r"need Python 3\.99 to"):
        hooks["environment"].prepared(install, tmp_path / "env")
    assert install.commands == []


def test_a_firewall_rule_that_stays_is_not_passed_over_in_silence(hooks, capsys):
    run = Recorded(
        hooks,
        [("sql_migrations", 1, REFUSED), ("sql_migrations", 0, "done"), ("firewall-rule delete", 1, "no")],
    )
    assert hooks["postprovision"].main(ENVIRONMENT, run, lambda _: None) == 0
    assert "deployer-while-migrating could not be deleted" in capsys.readouterr().out


def test_the_users_sid_is_the_client_id_as_sql_server_writes_guids(hooks):
    text = "11223344-5566-7788-99aa-bbccddeeff00"
    assert hooks["app_user"].sid(text).hex() == "44332211665588779" + "9aabbccddeeff00"
    with pytest.raises(ValueError, match="badly formed"):
        hooks["app_user"].sid("id'; DROP TABLE runs --")
    assert hooks["app_user"].sid(str(uuid.UUID(int=0))) == bytes(16)


def test_the_app_has_the_rights_that_its_statements_need_and_no_other(hooks):
    rights = hooks["app_user"].RIGHTS
    granted = {
        (verb, table)
        for verbs, table in re.findall(r"GRANT ([A-Z, ]+) ON dbo\.(\w+)", rights)
        for verb in verbs.split(", ")
    }
    results = HOOKS.parents[1] / "function_app" / "results"
    statements = "\n".join(path.read_text(encoding="utf-8") for path in results.rglob("*.py"))
    used = {
        (words.split()[0], table)
        for words, table in re.findall(
            r"(INSERT INTO|UPDATE|DELETE FROM|DELETE|MERGE)\s+dbo\.(\w+)", statements
        )
    }
    assert len(used) >= 6
    assert granted == used


def test_the_app_may_not_change_the_schema(hooks):
    text = hooks["app_user"].RIGHTS + hooks["app_user"].USER
    assert not re.search(r"db_owner|db_ddladmin|ALTER ON|CONTROL|EXECUTE", text)
