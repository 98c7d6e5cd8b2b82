"""Settings are read once, named when wrong, and tell no secret."""

from __future__ import annotations

import pytest

from function_app.errors import Misconfigured
from function_app.settings import read_settings

ENOUGH = {
    "IMAGE_STORAGE": "AccountName=a;AccountKey=CANARY-KEY",
    "SQL_CONNECTION_STRING": "PWD=CANARY-PASSWORD",
}


def test_what_is_not_set_has_the_documented_default():
    settings = read_settings(ENOUGH)
    assert (settings.container, settings.quarantine_container, settings.retention_days) == (
        "img",
        "img-quarantine",
        30,
    )
    assert (settings.limits.width, settings.limits.height, settings.limits.max_bytes) == (32, 32, 1_048_576)


def test_identity_needs_no_connection_string():
    uri = "https://account.blob.core.windows.net"
    environ = {
        "IMAGE_STORAGE__blobServiceUri": uri,
        "IMAGE_STORAGE__clientId": "id",
        "SQL_CONNECTION_STRING": "x=y",
    }
    assert read_settings(environ).storage.blob_service_uri == uri


def test_no_secret_shows_in_a_repr():
    assert "CANARY" not in repr(read_settings(ENOUGH))


@pytest.mark.parametrize("missing", ["IMAGE_STORAGE", "SQL_CONNECTION_STRING"])
def test_a_missing_setting_is_named(missing):
    with pytest.raises(Misconfigured, match=missing):
        read_settings({key: value for key, value in ENOUGH.items() if key != missing})


@pytest.mark.parametrize("wrong", ["0", "-1", "x", "1.5", "٣"])
@pytest.mark.parametrize("name", ["IMAGE_WIDTH", "MAX_IMAGE_BYTES", "RETENTION_DAYS"])
def test_a_wrong_number_is_named_and_not_repeated(name, wrong):
    with pytest.raises(Misconfigured, match=name) as caught:
        read_settings({**ENOUGH, name: wrong})
    assert wrong not in caught.value.detail.replace(name, "").replace("above 0", "")
