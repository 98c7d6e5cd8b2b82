"""What is refused, and what repair accepts, decided from files and history alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from sql_migrations.errors import MigrationError
from sql_migrations.files import MigrationFile, read_folder
from sql_migrations.plan import APPLIED, REALIGNED, RETIRED, HistoryEntry, make_plan, repairs


def file(name: str, text: str = "SELECT 1;") -> MigrationFile:
    version = int(name[1:4]) if name.startswith("V") else None
    return MigrationFile(name, version, text)


def applied(the_file: MigrationFile) -> HistoryEntry:
    return HistoryEntry(the_file.name, the_file.version, the_file.checksum, APPLIED)


FIRST, SECOND, VIEWS = file("V001__a.sql"), file("V002__b.sql"), file("R__views.sql")


def test_everything_is_pending_on_an_empty_database_versions_before_repeatables() -> None:
    assert make_plan([FIRST, SECOND, VIEWS], []).pending == (FIRST, SECOND, VIEWS)


def test_nothing_is_pending_when_all_is_applied() -> None:
    plan = make_plan([FIRST, VIEWS], [applied(FIRST), applied(VIEWS)])
    assert (plan.pending, plan.problems) == ((), ())


def test_a_changed_versioned_file_is_refused_by_name() -> None:
    plan = make_plan([file("V001__a.sql", "SELECT 2;")], [applied(FIRST)])
    assert [(p.kind, p.file_name) for p in plan.problems] == [("changed", "V001__a.sql")]


def test_a_changed_repeatable_file_is_pending_again() -> None:
    changed = file("R__views.sql", "SELECT 2;")
    plan = make_plan([changed], [applied(VIEWS)])
    assert (plan.pending, plan.problems) == ((changed,), ())


def test_a_missing_file_is_refused_by_name() -> None:
    plan = make_plan([SECOND], [applied(FIRST), applied(SECOND)])
    assert [(p.kind, p.file_name) for p in plan.problems] == [("missing", "V001__a.sql")]


def test_an_out_of_order_file_is_refused_by_name() -> None:
    plan = make_plan([FIRST, SECOND], [applied(SECOND)])
    assert [(p.kind, p.file_name) for p in plan.problems] == [("out_of_order", "V001__a.sql")]


def test_a_file_that_drops_a_table_is_refused_by_name() -> None:
    plan = make_plan([file("V001__a.sql", "DROP TABLE runs;")], [])
    assert [(p.kind, p.file_name) for p in plan.problems] == [("loses_data", "V001__a.sql")]


def test_repair_realigns_changed_files_and_retires_missing_ones() -> None:
    changed = file("V001__a.sql", "SELECT 2;")
    history = [applied(FIRST), applied(SECOND)]
    added = repairs([changed], history)
    assert [(e.file_name, e.action) for e in added] == [
        ("V001__a.sql", REALIGNED),
        ("V002__b.sql", RETIRED),
    ]
    after = make_plan([changed], [*history, *added])
    assert (after.pending, after.problems) == ((), ())
    assert repairs([changed], [*history, *added]) == []


def test_checksum_is_the_same_for_windows_and_unix_newlines_and_a_byte_order_mark(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("unix", "windows", "mac", "bom")]
    texts = [b"SELECT 1;\nGO\n", b"SELECT 1;\r\nGO\r\n", b"SELECT 1;\rGO\r", b"\xef\xbb\xbfSELECT 1;\nGO\n"]
    for folder, text in zip(folders, texts, strict=True):
        folder.mkdir()
        (folder / "V001__a.sql").write_bytes(text)
    assert len({read_folder(folder)[0].checksum for folder in folders}) == 1


def test_versions_are_ordered_by_number_not_by_text(tmp_path: Path) -> None:
    for name in ("V1000__c.sql", "V002__b.sql", "R__views.sql", "V001__a.sql"):
        (tmp_path / name).write_text("SELECT 1;")
    assert [f.name for f in read_folder(tmp_path)] == [
        "V001__a.sql",
        "V002__b.sql",
        "V1000__c.sql",
        "R__views.sql",
    ]


@pytest.mark.parametrize("name", ["V1__a.sql", "V001_a.sql", "V001__A b.sql", "views.sql", "v001__a.sql"])
def test_a_badly_named_file_is_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("SELECT 1;")
    with pytest.raises(MigrationError, match=name):
        read_folder(tmp_path)


def test_two_files_of_one_version_are_refused_by_name(tmp_path: Path) -> None:
    for name in ("V001__a.sql", "V001__b.sql"):
        (tmp_path / name).write_text("SELECT 1;")
    with pytest.raises(MigrationError, match=r"V001__a\.sql and V001__b\.sql"):
        read_folder(tmp_path)


def test_a_file_that_is_not_utf8_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "V001__a.sql").write_bytes(b"SELECT '\xff';")
    with pytest.raises(MigrationError, match=r"V001__a\.sql"):
        read_folder(tmp_path)
