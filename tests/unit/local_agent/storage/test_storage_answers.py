"""What the service's answers mean, and which account the environment names."""

from __future__ import annotations

import pytest

from local_agent.errors import SettingsError
from local_agent.storage.account import ACCOUNT_URL, CONNECTION_STRING, SAS_URL, open_account
from local_agent.storage.answers import Meaning, answer_to_put
from local_agent.storage.uploads import proxy_of_the_environment

KEYED = "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=c2VjcmV0LWNhbmFyeQ==;EndpointSuffix=core.windows.net"


@pytest.mark.parametrize(
    ("status", "code", "meaning"),
    [
        (201, "", Meaning.STORED),
        (409, "BlobAlreadyExists", Meaning.EXISTS),
        (412, "ConditionNotMet", Meaning.EXISTS),
        (500, "InternalError", Meaning.RETRY),
        (503, "ServerBusy", Meaning.RETRY),
        (429, "", Meaning.RETRY),
        (408, "", Meaning.RETRY),
        (400, "Md5Mismatch", Meaning.RETRY),
        (400, "InvalidMetadata", Meaning.REFUSED),
        (413, "RequestBodyTooLarge", Meaning.REFUSED),
        (400, "", Meaning.BLOCKED),
        (401, "", Meaning.BLOCKED),
        (403, "AuthenticationFailed", Meaning.BLOCKED),
        (403, "AuthorizationPermissionMismatch", Meaning.BLOCKED),
        (404, "ContainerNotFound", Meaning.BLOCKED),
        (409, "ContainerBeingDeleted", Meaning.BLOCKED),
        (302, "", Meaning.BLOCKED),
    ],
)
def test_each_answer_has_one_meaning(status: int, code: str, meaning: Meaning) -> None:
    answer = answer_to_put(status, code, "img")
    assert answer.meaning is meaning
    assert answer.explanation or meaning in (Meaning.STORED, Meaning.EXISTS)


def test_a_missing_container_is_named_with_its_remedy() -> None:
    text = answer_to_put(404, "ContainerNotFound", "img").explanation
    assert "'img' does not exist: create it" in text


def test_the_wait_the_service_asks_for_is_passed_on() -> None:
    assert answer_to_put(503, "ServerBusy", "img", "7").retry_after == 7.0
    assert answer_to_put(503, "ServerBusy", "img", "Wed, 21 Oct 2026 07:28:00 GMT").retry_after is None


def test_a_key_never_travels_only_a_signature_made_from_it() -> None:
    account = open_account({CONNECTION_STRING: KEYED}, "img")
    url = account.blob_url("dev/a b.png")
    assert url.startswith("https://acc.blob.core.windows.net/img/dev/a%20b.png?")
    assert "sig=" in url
    assert "c2VjcmV0LWNhbmFyeQ" not in url
    assert "c2VjcmV0LWNhbmFyeQ" not in repr(account)
    assert account.authorisation.headers() == {}


@pytest.mark.parametrize(
    "url", ["https://acc.blob.core.windows.net", "https://acc.blob.core.windows.net/img"]
)
def test_a_sas_of_the_account_or_of_the_container_works(url: str) -> None:
    account = open_account({SAS_URL: f"{url}?sv=1&sig=canary"}, "img")
    assert account.blob_url("d/x.png") == "https://acc.blob.core.windows.net/img/d/x.png?sv=1&sig=canary"
    assert "canary" not in repr(account)


def test_an_identity_is_used_where_only_an_address_is_given() -> None:
    account = open_account({ACCOUNT_URL: "https://acc.blob.core.windows.net/"}, "img")
    assert account.blob_url("d/x.png") == "https://acc.blob.core.windows.net/img/d/x.png"


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {CONNECTION_STRING: KEYED, SAS_URL: "https://a/?sig=canary"},
        {CONNECTION_STRING: "AccountName=acc"},
        {SAS_URL: "https://acc.blob.core.windows.net/img"},
        {ACCOUNT_URL: "canary"},
    ],
)
def test_unusable_settings_are_named_and_no_secret_is_shown(environment: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as error:
        open_account(environment, "img")
    assert "AGENT_STORAGE" in str(error.value)
    assert "canary" not in str(error.value)


@pytest.fixture
def no_proxy_set(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


def test_uploads_go_through_the_proxy_of_the_environment(no_proxy_set: pytest.MonkeyPatch) -> None:
    assert proxy_of_the_environment("https://acc.blob.core.windows.net/img") is None
    no_proxy_set.setenv("HTTPS_PROXY", "http://proxy.lab:3128")
    assert proxy_of_the_environment("https://acc.blob.core.windows.net/img") == "http://proxy.lab:3128"
    assert proxy_of_the_environment("http://127.0.0.1:10000/acc/img") is None


def test_a_host_named_in_no_proxy_is_spoken_to_directly(no_proxy_set: pytest.MonkeyPatch) -> None:
    no_proxy_set.setenv("HTTP_PROXY", "http://proxy.lab:3128")
    no_proxy_set.setenv("NO_PROXY", "127.0.0.1,.internal")
    assert proxy_of_the_environment("http://127.0.0.1:10000/acc/img") is None
    assert proxy_of_the_environment("http://store.internal/img") is None
    assert proxy_of_the_environment("http://elsewhere.lab/img") == "http://proxy.lab:3128"
