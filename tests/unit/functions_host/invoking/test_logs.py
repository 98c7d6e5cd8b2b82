"""The line per invocation, and what log records never show."""

from __future__ import annotations

import io
import logging

from functions_host.invoking.logs import InvocationLog, RedactingFormatter


def lines(levels: dict[str, str], *, error: str = "", subject: str = "") -> str:
    stream = io.StringIO()
    InvocationLog(stream, levels).finished("score", "activity", "id-1", 0.0123, error=error, subject=subject)
    return stream.getvalue()


def test_success_is_one_line_of_pairs() -> None:
    text = lines({}, subject="img/a b.png")
    assert text.endswith(
        ' info function=score kind=activity status=succeeded duration_ms=12.3 invocation=id-1 subject="img/a b.png"\n'
    )


def test_a_line_break_in_an_error_stays_inside_the_line() -> None:
    assert lines({}, error="ValueError: a\nb").count("\n") == 1


def test_levels_silence_successes_but_not_failures() -> None:
    assert lines({"Function": "Warning"}) == ""
    assert "status=failed" in lines({"Function": "Warning"}, error="x")
    assert lines({"default": "Error", "Function.score": "Information"}) != ""
    assert lines({"Function.score": "None"}, error="x") == ""


def test_keys_in_log_records_are_blanked() -> None:
    record = logging.LogRecord("x", 20, "", 1, "AccountName=a;AccountKey=c2VjcmV0;sig=abc%3D&se=1", (), None)
    text = RedactingFormatter("%(message)s").format(record)
    assert text == "AccountName=a;AccountKey=***;sig=***&se=1"
