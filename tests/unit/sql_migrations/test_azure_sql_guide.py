"""docs/azure-sql.md grants what deployment grants, and names only commands that there are."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs" / "azure-sql.md").read_text(encoding="utf-8")
HOOK = (ROOT / "infra" / "hooks" / "app_user.py").read_text(encoding="utf-8")
GRANT = re.compile(r"GRANT [A-Z, ]+ ON [\w:.]+ TO scoring_app;")


def test_the_guide_grants_exactly_what_the_hook_grants() -> None:
    assert GRANT.findall(HOOK)
    assert GRANT.findall(GUIDE) == GRANT.findall(HOOK)


def test_no_owner_and_no_password_is_in_any_command() -> None:
    for_azure = GUIDE.partition("## Tried on a live engine")[0]
    commands = "\n".join(re.findall(r"```(?:sh|sql)\n(.*?)```", for_azure, re.DOTALL))
    assert commands
    assert not re.search(r"db_owner|db_datawriter|PWD=|admin-password", commands)


def test_every_file_and_migration_command_that_the_guide_names_exists() -> None:
    for path in re.findall(r"(?:-r|python) ((?:requirements|infra|sql_migrations)[\w/.]*)", GUIDE):
        assert (ROOT / path).exists(), path
    assert set(re.findall(r"pipeline\.py migrate (\w+)", GUIDE)) <= {"plan", "up", "status", "repair"}
