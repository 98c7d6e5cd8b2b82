"""ASP.NET route templates: what matches, with which values, and which of several wins."""

from __future__ import annotations

import pytest

from functions_host.http.route_table import path_segments
from functions_host.http.route_templates import parse_template


def match(template: str, path: str) -> dict[str, str] | None:
    return parse_template(template).match(path_segments(path))


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("runs/{id}", "/runs/7", {"id": "7"}),
        ("runs/{id}", "/runs/7/", {"id": "7"}),
        ("runs/{id}", "/runs", None),
        ("runs/{id}", "/runs/7/scores", None),
        ("Runs/{id}", "/rUNS/Seven", {"id": "Seven"}),
        ("runs/{id?}", "/runs", {}),
        ("runs/{id?}", "/runs/7", {"id": "7"}),
        ("runs/{id=5}", "/runs", {"id": "5"}),
        ("runs/{id:int=5}", "/runs", {"id": "5"}),
        ("runs/{id:int=5}", "/runs/6", {"id": "6"}),
        ("runs/{id:int?}", "/runs", {}),
        ("runs/{id:int?}", "/runs/x", None),
        ("images/{*name}", "/images/a/b/c.png", {"name": "a/b/c.png"}),
        ("images/{**name}", "/images/a/b", {"name": "a/b"}),
        ("images/{*name}", "/images", {}),
        ("images/{*name}", "/images/a%2Fb", {"name": "a%2Fb"}),
        ("images/{name}", "/images/a%20b%C3%A9", {"name": "a bé"}),
        ("{name}.{ext}", "/photo.tar.gz", {"name": "photo.tar", "ext": "gz"}),
        ("{name}.{ext?}", "/photo", {"name": "photo"}),
        ("{name}.{ext?}", "/photo.png", {"name": "photo", "ext": "png"}),
        ("v{version}/x", "/v12/x", {"version": "12"}),
        ("a/{{b}}", "/a/{b}", {}),
        ("", "/", {}),
        ("{a}/{b}", "/x//y", None),
        ("{id:regex(^\\d{{3}}$)}", "/123", {"id": "123"}),
        ("{id:regex(^\\d{{3}}$)}", "/1234", None),
        ("{id:int:min(3)}", "/2", None),
        ("{id:int:min(3)}", "/3", {"id": "3"}),
    ],
)
def test_template_matches_as_aspnet_does(template: str, path: str, values: dict[str, str] | None) -> None:
    assert match(template, path) == values


@pytest.mark.parametrize(
    "template",
    ["{id", "a//b", "{*rest}/more", "{id}/{id}", "{a}{b}", "{id:nosuch}", "{}", "{id:range(x,y)}"],
)
def test_template_that_aspnet_refuses_is_refused(template: str) -> None:
    with pytest.raises(ValueError):
        parse_template(template)


def test_precedence_is_literal_then_constrained_then_parameter_then_catch_all() -> None:
    templates = ["a/{*all}", "a/{x}", "a/{x:int}", "a/{*all:minlength(2)}", "a/b", "a/p{x}", "a"]
    ordered = sorted(templates, key=lambda text: parse_template(text).precedence)
    assert ordered == ["a", "a/b", "a/{x:int}", "a/p{x}", "a/{x}", "a/{*all:minlength(2)}", "a/{*all}"]
