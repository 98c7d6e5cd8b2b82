"""Injection strings and characters beyond the basic plane, as names, ids and words: stored as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from function_app.errors import Permanent
from function_app.models.identity import run_id_of
from function_app.models.runs import Outcome, RunFilter, RunRecord, Score
from function_app.results.store import SqlResultStore

MakeRun = Callable[..., RunRecord]
MakeScore = Callable[..., Score]

_PAYLOADS = (
    "' OR '1'='1", "'; DROP TABLE runs; --", "\"; DROP TABLE runs; --", "1; SHUTDOWN; --", "' UNION SELECT NULL --",
    "'; EXEC xp_cmdshell('dir'); --", "%' OR 1=1 --", "_%[a-z]", "\\'; DELETE FROM scores; --", "?", "?; ?", ":name",
    "@P1", "$1", "{fn NOW()}", "{call x}", "[runs]", "`runs`", "/* */ OR 1=1", "GO\nDROP TABLE runs\nGO",
    "'+(SELECT 'x')+'", "0x27 OR 1=1", "CHAR(39)+CHAR(59)", "WAITFOR DELAY '0:0:5'", "'||(SELECT 1)||'", "NULL",
    "\N{RIGHT SINGLE QUOTATION MARK} OR 1=1 --", "\N{MODIFIER LETTER APOSTROPHE}; DROP TABLE runs",
    "\N{FULLWIDTH APOSTROPHE} OR 1=1", "\r\n' OR 1=1 --", "\t';--", "\x1a'; --", "%27%20OR%201=1", "&#39; OR 1=1",
    "<script>alert(1)</script>", "${jndi:ldap://x}", "{{7*7}}", "../../etc/passwd",
)  # fmt: skip
_WRAPPERS = (
    "{}",
    "a{}b",
    "{}.png",
    "cam-1/{}",
    "({})",
    "'{}'",
    '"{}"',
    "{} ",
    " {}",
    "N'{}'",
    "[{}]",
    "{}{}",
    "%{}%",
    "{}\N{GRINNING FACE}",
    "",
)
INJECTIONS = sorted({wrapper.replace("{}", text) for text in _PAYLOADS for wrapper in _WRAPPERS} - {""})[:519]

ASTRAL = [
    "\N{GRINNING FACE}.png",
    "\N{MATHEMATICAL BOLD CAPITAL A}\N{CJK UNIFIED IDEOGRAPH-20000}",
    "\N{REGIONAL INDICATOR SYMBOL LETTER D}\N{REGIONAL INDICATOR SYMBOL LETTER E}",
    "e\N{COMBINING ACUTE ACCENT}",
    "\N{LATIN SMALL LETTER E WITH ACUTE}",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe",
    "\N{ZERO WIDTH NO-BREAK SPACE}a",
    "\U0010ffff\uffff",
    "\N{MUSICAL SYMBOL G CLEF}" * 512,
    "\N{LATIN SMALL LETTER SHARP S}",
    "ss",
]
SCHEMA = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE sql <> '' ORDER BY name",
    "mssql": "SELECT table_name, column_name, data_type FROM information_schema.columns ORDER BY 1, 2",
}


def test_there_are_519_different_injection_strings() -> None:
    assert len(set(INJECTIONS)) == 519


def test_hostile_names_ids_and_words_are_stored_exactly_and_change_nothing_else(
    kit: Any, store: SqlResultStore, make_run: MakeRun, pixel_sum: MakeScore
) -> None:
    texts = INJECTIONS + ASTRAL
    before = kit.query(SCHEMA[kit.dialect])
    for text in texts:
        run = make_run(
            text, outcome=Outcome.REJECTED, reason="not_png", detail=text, etag=text[:20], source_name=text,
            device_id=text[:31],
        )  # fmt: skip
        store.record_rejected(run)
        assert store.run(run.run_id).record == run  # type: ignore[union-attr]
    assert kit.query(SCHEMA[kit.dialect]) == before
    assert kit.query("SELECT COUNT(*), COUNT(DISTINCT blob_key) FROM runs") == [(len(texts), len(texts))]
    assert {run.record.blob_name for run in store.page(RunFilter(), limit=1000).runs} == set(texts)


def test_hostile_scorers_and_versions_are_stored_exactly_or_refused_and_change_nothing_else(
    kit: Any, store: SqlResultStore, make_run: MakeRun, pixel_sum: MakeScore
) -> None:
    """Their columns take printable ASCII; what is not that is refused before any database sees it."""
    before, stored = kit.query(SCHEMA[kit.dialect]), 0
    for text in INJECTIONS[:: 1 if kit.dialect == "sqlite" else 20] + ASTRAL:
        run, score = make_run(text), pixel_sum(1, version=text[:32], scorer=text)
        try:
            store.record_scored(run, [score])
        except Permanent:
            assert store.run(run.run_id) is None
            continue
        stored += 1
        assert store.run(run.run_id).scores == (score,)  # type: ignore[union-attr]
    assert stored >= 10
    assert kit.query(SCHEMA[kit.dialect]) == before
    assert kit.query("SELECT COUNT(*) FROM scores") == [(stored,)] == [(store.counts().scored,)]


def test_hostile_questions_find_nothing_and_change_nothing(
    kit: Any, store: SqlResultStore, make_run: MakeRun, pixel_sum: MakeScore
) -> None:
    store.record_scored(make_run(), [pixel_sum()])
    before = kit.query(SCHEMA[kit.dialect])
    for text in INJECTIONS[:: 1 if kit.dialect == "sqlite" else 20] + ASTRAL:
        assert store.run(text) is None
        assert store.runs_of_image(text, text) == []
        assert store.known_run_ids([text]) == set()
        for which in (RunFilter(reason=text), RunFilter(device_id=text), RunFilter(scorer=text)):
            assert store.page(which).runs == ()
            assert store.counts(which).total == 0
    assert kit.query(SCHEMA[kit.dialect]) == before
    assert store.counts().total == 1


def test_a_blob_name_of_other_case_or_normal_form_is_another_image(
    store: SqlResultStore, make_run: MakeRun
) -> None:
    names = ["a", "A", "e\N{COMBINING ACUTE ACCENT}", "\N{LATIN SMALL LETTER E WITH ACUTE}", "ss", "ß", "a "]
    for name in names:
        store.record_rejected(make_run(name, outcome=Outcome.REJECTED, reason="empty"))
    for name in names:
        assert [run.record.run_id for run in store.runs_of_image("img", name)] == [
            run_id_of("img", name, "0x8D1")
        ]
