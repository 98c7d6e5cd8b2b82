"""Inline route constraints, one by one, against the texts ASP.NET takes and refuses."""

from __future__ import annotations

import pytest

from functions_host.http.route_constraints import constraint


@pytest.mark.parametrize(
    ("text", "accepted", "refused"),
    [
        ("alpha", ["abc", "ABC", ""], ["a1", "a b", "é"]),
        ("bool", ["true", "False"], ["1", "yes"]),
        (
            "datetime",
            ["2026-01-31", "2026-01-31T10:20:30", "1/31/2026", "2026-01-31 10:20"],
            ["x", "2026-13-01"],
        ),
        ("decimal", ["1", "-1.5", ".5", "1,000.25"], ["1e5", "x", ""]),
        ("double", ["1.5", "1e5", "NaN", "-2"], ["x", ""]),
        ("float", ["1.5", "1e5"], ["x"]),
        (
            "guid",
            ["12345678-1234-1234-1234-123456789abc", "{12345678-1234-1234-1234-123456789ABC}", "0" * 32],
            ["12345678", "g" * 32, "12345678-1234-1234-1234-123456789ab"],
        ),
        ("int", ["0", "-2147483648", "2147483647", "+5"], ["2147483648", "1.5", "x", ""]),
        ("long", ["9223372036854775807"], ["9223372036854775808", "x"]),
        ("length(3)", ["abc"], ["ab", "abcd"]),
        ("length(2,3)", ["ab", "abc"], ["a", "abcd"]),
        ("minlength(2)", ["ab"], ["a"]),
        ("maxlength(2)", ["ab", ""], ["abc"]),
        ("min(5)", ["5", "6"], ["4", "x"]),
        ("max(5)", ["5", "-6"], ["6", "x"]),
        ("range(2,4)", ["2", "4"], ["1", "5", "x"]),
        ("regex(^b)", ["banana", "Banana"], ["a banana"]),
        ("regex(an)", ["banana"], ["bonbon"]),
        ("required", ["x"], [""]),
    ],
)
def test_constraint(text: str, accepted: list[str], refused: list[str]) -> None:
    holds = constraint(text)
    assert [value for value in accepted if not holds(value)] == []
    assert [value for value in refused if holds(value)] == []
