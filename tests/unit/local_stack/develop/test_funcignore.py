"""Core Tools' reading of .funcignore, where it differs from git's."""

from __future__ import annotations

import pytest

from local_stack.develop.funcignore import FuncIgnore, published_files


@pytest.mark.parametrize(
    ("rule", "path", "published"),
    [
        ("tests", "tests/unit/test_a.py", False),  # a rule is a prefix …
        ("tests", "tests-old/a.py", False),  # … that ends at any word boundary
        ("tests", "testsuite/a.py", True),
        ("tests", "app/tests/a.py", True),  # and starts at the root
        ("requirements", "requirements.txt", False),  # the trap
        ("requirements/*", "requirements.txt", True),
        ("requirements/*", "requirements/test.lock", False),
        ("*.log", "a.log", False),
        ("*.log", "deep/a.log", True),
        ("**/__pycache__", "a/b/__pycache__/c.pyc", False),
        ("**/__pycache__", "__pycache__/c.pyc", True),
        (".*", ".venv/lib/x.py", False),
        ("/docs", "docs/a.md", False),  # a leading slash says nothing
        ("infra/", "infra/main.bicep", False),
        ("infra/", "infra/.hidden", True),  # no word boundary between / and .
        ("a+b", "a+b/c", False),  # letters of regular expressions are letters
        ("# tests", "tests/a.py", True),
    ],
)
def test_a_rule_drops_what_core_tools_drops(rule, path, published):
    assert FuncIgnore(rule).accepts(path) is published


@pytest.mark.parametrize("rules", ["*\n!keep.py", "!keep.py\n*"])
def test_an_exception_wins_wherever_it_stands(rules):
    assert FuncIgnore(rules).accepts("keep.py")
    assert not FuncIgnore(rules).accepts("other.py")


def test_settings_and_git_are_never_published_even_without_rules(tmp_path):
    for name in ("host.json", "Local.Settings.json", ".gitignore", ".git/config", ".vscode/x.json", "a/b.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert list(published_files(tmp_path)) == ["a/b.py", "host.json"]
