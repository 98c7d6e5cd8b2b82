"""The dashboard's types of the API's answers are parts of the schemas that /api/openapi.json gives them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from function_app.dashboard.files import asset_texts
from function_app.http_api.openapi import document

SCHEMAS: dict[str, Any] = document()["components"]["schemas"]
_COMMENTS = re.sub(r"^ \*", "", asset_texts()["api.js"], flags=re.M)
TYPES: dict[str, dict[str, str]] = {
    name: dict(
        re.findall(r"(\w+): ([^,]+?)(?:,|\s*$)", re.sub(r"Record<string, (\w+)>", r"\1{}", body).strip())
    )
    for body, name in re.findall(r"@typedef \{\{(.*?)\}\} ([A-Z]\w+)$", _COMMENTS, re.S | re.M)
}


def test_the_types_that_matter_are_compared() -> None:
    assert {"RunView", "RunsPage", "StatsView", "WindowView", "HealthView", "BulkReplay"} <= set(TYPES)
    assert len(TYPES["RunView"]) > 20


@pytest.mark.parametrize("name", TYPES)
def test_the_page_reads_only_fields_that_the_api_answers(name: str) -> None:
    assert set(TYPES[name]) <= set(SCHEMAS[name]["properties"])


@pytest.mark.parametrize("name", TYPES)
def test_the_page_knows_which_fields_may_be_null(name: str) -> None:
    nullable = {field for field, told in TYPES[name].items() if "null" in told}
    schema = SCHEMAS[name]["properties"]
    assert nullable == {field for field in TYPES[name] if {"type": "null"} in schema[field].get("anyOf", [])}


def test_the_page_knows_every_state() -> None:
    [states] = re.findall(r"@typedef \{(.*)\} State$", _COMMENTS, re.M)
    assert set(re.findall(r'"(\w+)"', states)) == set(SCHEMAS["State"]["enum"])
