"""App settings and host.json: precedence, expansion, overrides, and errors that name the key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from functions_host.errors import SettingsError
from functions_host.loading.app_settings import effective, expand, read_local_settings
from functions_host.loading.host_json import HostOptions, read_host_json


def options(tmp_path: Path, document: dict[str, Any], **settings: str) -> HostOptions:
    (tmp_path / "host.json").write_text(json.dumps({"version": "2.0", **document}))
    return read_host_json(tmp_path, settings)


def test_environment_wins_over_local_settings() -> None:
    merged = effective({"A": "environment"}, {"A": "file", "B": "file"}, {"B": "default", "C": "default"})
    assert merged == {"A": "environment", "B": "file", "C": "default"}


def test_local_settings_values_become_text(tmp_path: Path) -> None:
    values = {"A": "x", "B": True, "C": 5, "D": None}
    document = {"IsEncrypted": False, "Values": values, "Host": {"LocalHttpPort": 7123}}
    (tmp_path / "local.settings.json").write_text(json.dumps(document), encoding="utf-8-sig")
    settings = read_local_settings(tmp_path)
    assert settings.values == {"A": "x", "B": "true", "C": "5", "D": ""}
    assert settings.http_port == 7123


def test_absent_local_settings_are_empty(tmp_path: Path) -> None:
    assert read_local_settings(tmp_path).values == {}


def test_values_of_local_settings_stay_out_of_the_repr(tmp_path: Path) -> None:
    (tmp_path / "local.settings.json").write_text('{"Values": {"KEY": "hush"}}')
    assert "hush" not in repr(read_local_settings(tmp_path))


@pytest.mark.parametrize(
    "text", ['{"IsEncrypted": true}', "{", "[]", '{"Values": []}', '{"Host": {"LocalHttpPort": "x"}}']
)
def test_unusable_local_settings_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "local.settings.json").write_text(text)
    with pytest.raises(SettingsError, match=r"local\.settings\.json"):
        read_local_settings(tmp_path)


def test_setting_reference_is_replaced_ignoring_case() -> None:
    assert expand("img-%Suffix%/x", {"SUFFIX": "a"}, "path") == "img-a/x"


def test_unset_reference_is_an_error_that_names_it() -> None:
    with pytest.raises(SettingsError, match="schedule of tick: %WHEN% does not resolve"):
        expand("%WHEN%", {}, "schedule of tick")


def test_host_json_defaults(tmp_path: Path) -> None:
    found = options(tmp_path, {})
    assert (found.route_prefix, found.timeout_seconds, found.poison_blob_threshold) == ("api", 1800.0, 5)


def test_host_json_is_read_ignoring_case_of_keys(tmp_path: Path) -> None:
    found = options(tmp_path, {"Extensions": {"HTTP": {"RoutePrefix": "v1/"}}, "FunctionTimeout": "00:05:00"})
    assert (found.route_prefix, found.timeout_seconds) == ("v1", 300.0)


def test_empty_route_prefix_is_allowed(tmp_path: Path) -> None:
    assert options(tmp_path, {"extensions": {"http": {"routePrefix": ""}}}).route_prefix == ""


def test_unlimited_timeout(tmp_path: Path) -> None:
    assert options(tmp_path, {"functionTimeout": "-1"}).timeout_seconds is None


def test_environment_overrides_host_json(tmp_path: Path) -> None:
    overrides = {
        "AzureFunctionsJobHost__extensions__blobs__poisonBlobThreshold": "2",
        "azurefunctionsjobhost__extensions__http__routePrefix": "x",
    }
    found = options(tmp_path, {"extensions": {"blobs": {"poisonBlobThreshold": 5}}}, **overrides)
    assert (found.poison_blob_threshold, found.route_prefix) == (2, "x")


def test_hub_name_is_taken_from_a_setting(tmp_path: Path) -> None:
    found = options(tmp_path, {"extensions": {"durableTask": {"hubName": "%HUB%"}}}, HUB="MyHub")
    assert found.document["extensions"]["durableTask"]["hubName"] == "MyHub"


def test_hub_name_of_an_unset_setting_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="hubName: %HUB% does not resolve"):
        options(tmp_path, {"extensions": {"durableTask": {"hubName": "%HUB%"}}})


@pytest.mark.parametrize(
    "document",
    [
        {"version": "1.0"},
        {"functionTimeout": "five minutes"},
        {"extensions": {"blobs": {"poisonBlobThreshold": 0}}},
        {"extensions": {"blobs": {"maxDegreeOfParallelism": "many"}}},
    ],
)
def test_unusable_host_json_is_refused(tmp_path: Path, document: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"host\.json"):
        options(tmp_path, document)


def test_missing_host_json_asks_for_the_root(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="root of a function app"):
        read_host_json(tmp_path, {})
