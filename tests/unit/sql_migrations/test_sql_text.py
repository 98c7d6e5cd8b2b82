"""Cutting SQL text without running it."""

from __future__ import annotations

import pytest

from sql_migrations.sql_text import code_only, data_losing_statement, go_batches, sqlite_statements


def test_go_on_its_own_line_separates_batches() -> None:
    assert go_batches("SELECT 1\nGO\nSELECT 2\n  go  \nSELECT 3") == ["SELECT 1", "SELECT 2", "SELECT 3"]


def test_go_with_a_count_repeats_the_batch() -> None:
    assert go_batches("INSERT a\nGO 3\nSELECT 1\nGO") == ["INSERT a"] * 3 + ["SELECT 1"]


def test_go_with_a_trailing_comment_still_separates() -> None:
    assert go_batches("SELECT 1\nGO -- next\nSELECT 2") == ["SELECT 1", "SELECT 2"]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT '\nGO\n'",
        "SELECT 'it''s\nGO\n'",
        "SELECT 1 /* \nGO\n*/",
        "SELECT 1 /* /* nested */ \nGO\n */",
        "SELECT 1 AS [\nGO\n]",
        "SELECT 1 AS [a]]\nGO\n]",
        'SELECT 1 AS "\nGO\n"',
        "SELECT 1 AS go",
        "SELECT GO FROM t",
        "EXEC go_home",
    ],
)
def test_go_inside_a_string_a_name_a_comment_or_a_statement_is_not_a_separator(text: str) -> None:
    assert go_batches(text) == [text]


def test_batches_of_comments_alone_are_left_out() -> None:
    assert go_batches("-- only words\nGO\nSELECT 1\nGO\n/* end */") == ["SELECT 1"]


def test_an_unclosed_comment_or_string_swallows_the_rest() -> None:
    assert go_batches("SELECT 1 /*\nGO\n") == ["SELECT 1 /*\nGO"]
    assert go_batches("SELECT '\nGO\n") == ["SELECT '\nGO"]


def test_masking_keeps_length_and_code() -> None:
    text = "SELECT 'a--b', [c'd] -- e\nFROM t"
    assert len(code_only(text)) == len(text)
    assert code_only(text).endswith("\nFROM t")
    assert "--" not in code_only(text)


def test_sqlite_text_is_cut_at_semicolons_outside_strings_and_triggers() -> None:
    trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE b SET c = ';'; SELECT 1; END;"
    text = f"CREATE TABLE a (b TEXT DEFAULT ';');\n-- words; words\n{trigger}\nSELECT 1"
    assert sqlite_statements(text) == [
        "CREATE TABLE a (b TEXT DEFAULT ';');",
        f"-- words; words\n{trigger}",
        "SELECT 1",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("DROP TABLE runs", "DROP TABLE"),
        ("ALTER TABLE runs DROP COLUMN detail", "DROP COLUMN"),
        ("truncate\n table runs", "truncate table"),
        ("DELETE FROM runs", "DELETE FROM"),
        ("DROP VIEW IF EXISTS a; DROP TABLE b", "DROP TABLE"),
    ],
)
def test_statements_that_lose_data_are_found(text: str, words: str) -> None:
    assert data_losing_statement(text) == words


@pytest.mark.parametrize(
    "text",
    [
        "DROP VIEW IF EXISTS a",
        "DROP INDEX a ON b",
        "-- DROP TABLE a",
        "SELECT 'DELETE FROM a'",
        "ON DELETE CASCADE",
    ],
)
def test_harmless_statements_are_let_through(text: str) -> None:
    assert data_losing_statement(text) is None
