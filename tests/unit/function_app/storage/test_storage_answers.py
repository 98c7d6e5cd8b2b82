"""What each answer of Blob Storage means, through the SDK: which end a run, which let it wait, what they name."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest

from function_app.errors import BlobMissing, ContainerMissing, StorageRefused, StorageUnavailable, Superseded
from function_app.models.runs import ImageVersion, Outcome, RunRecord
from function_app.settings import StorageSettings
from function_app.storage.blobs import ImageBlobs, connect
from function_app.storage.errors import meaning_of
from function_app.storage.quarantine import quarantine_metadata

IMAGE = ImageVersion("img", "x.png", "0x1", 5)
RECORD = RunRecord(
    "0" * 32, "img", "x.png", "0x1", 5, Outcome.REJECTED, 1, datetime(2026, 1, 1, tzinfo=UTC), reason="empty"
)


class Account:
    """A storage account on 127.0.0.1 that answers every request alike; ``asked`` has the requests' lines."""

    def __init__(self) -> None:
        self.status, self.code, self.header = 500, "", ""
        self.asked: list[str] = []
        account = self

        class Answers(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                account.asked.append(f"{self.command} {self.path}")
                name = f"<HeaderName>{account.header}</HeaderName>" if account.header else ""
                body = f"<Error><Code>{account.code}</Code><Message>m</Message>{name}</Error>".encode()
                body = body if account.code and self.command != "HEAD" else b""
                self.send_response(account.status)
                if account.code:
                    self.send_header("x-ms-error-code", account.code)
                self.send_header("Content-Type", "application/xml")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_HEAD = do_PUT = answer  # noqa: N815  (the names that http.server calls)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.server.daemon_threads = True

    def answer(self, status: int, code: str, header: str = "") -> None:
        self.status, self.code, self.header = status, code, header


@pytest.fixture
def account() -> Iterator[Account]:
    account = Account()
    threading.Thread(target=account.server.serve_forever, daemon=True).start()
    yield account
    account.server.shutdown()
    account.server.server_close()


@pytest.fixture
def blobs(account: Account) -> Iterator[ImageBlobs]:
    address = f"http://127.0.0.1:{account.server.server_port}/a"
    with connect(StorageSettings(f"AccountName=a;AccountKey=YQ==;BlobEndpoint={address}")) as service:
        yield ImageBlobs(service, "img", "q", 1_000)


REFUSED = [
    (400, "InvalidUri"), (400, "InvalidResourceName"), (400, "RequestUrlFailedToParse"), (400, "InvalidInput"),
    (400, "MetadataTooLarge"), (400, "InvalidMetadata"), (400, "OutOfRangeInput"), (409, "BlobArchived"),
    (409, "BlobBeingRehydrated"), (409, "BlobUsesCustomerSpecifiedEncryption"), (409, "InvalidBlobType"),
    (409, "ResourceTypeMismatch"), (413, "RequestBodyTooLarge"), (414, ""), (431, ""),
]  # fmt: skip
WAITING = [
    (400, ""), (400, "InvalidAuthenticationInfo"), (400, "UnsupportedHeader"), (400, "InvalidHeaderValue"),
    (400, "Md5Mismatch"), (400, "AccountRequiresHttps"), (408, ""), (409, ""), (409, "AccountBeingCreated"),
    (409, "ContainerDisabled"), (409, "LeaseAlreadyPresent"), (412, "LeaseIdMissing"), (416, "InvalidRange"),
    (418, "ACodeOfNextYear"), (429, "TooManyRequests"),
]  # fmt: skip
FORBIDDEN = [
    (401, "NoAuthenticationInformation"), (403, ""), (403, "AccountIsDisabled"), (403, "AuthenticationFailed"),
    (403, "AuthorizationFailure"), (403, "AuthorizationPermissionMismatch"), (403, "CannotVerifyCopySource"),
    (403, "InsufficientAccountPermissions"), (403, "KeyVaultEncryptionKeyNotFound"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "code"), REFUSED)
def test_what_is_the_fault_of_one_request_ends_the_run_and_names_the_answer(blobs, account, status, code):
    account.answer(status, code)
    with pytest.raises(StorageRefused) as caught:
        blobs.read(IMAGE)
    assert f"{status} ({code or 'no code'})" in caught.value.detail
    assert len(account.asked) == 1
    with pytest.raises(StorageRefused):
        blobs.present_run("img", "x.png")


@pytest.mark.parametrize(("status", "code"), WAITING)
def test_what_befalls_every_request_or_is_unknown_is_tried_again(blobs, account, status, code):
    account.answer(status, code)
    with pytest.raises(StorageUnavailable) as caught:
        blobs.read(IMAGE)
    assert (caught.value.reason, caught.value.__cause__) == ("storage_unavailable", None)
    assert f"{status} ({code or 'no code'})" in caught.value.detail


@pytest.mark.parametrize(("status", "code"), FORBIDDEN)
def test_a_refused_key_or_identity_waits_for_its_operator_under_a_name_of_its_own(
    blobs, account, status, code
):
    account.answer(status, code)
    with pytest.raises(StorageUnavailable) as caught:
        blobs.read(IMAGE)
    assert caught.value.reason == "storage_forbidden"


@pytest.mark.parametrize("status", [500, 503, 504])
def test_a_copy_whose_source_cannot_be_verified_for_now_is_no_image_that_is_gone(status):
    """The SDK raises ResourceNotFoundError for the code, whatever the status: a busy account took bytes for gone."""
    assert isinstance(meaning_of(status, "CannotVerifyCopySource"), StorageUnavailable)
    assert isinstance(meaning_of(404, "CannotVerifyCopySource"), BlobMissing)


@pytest.mark.parametrize("code", ["ConditionNotMet", "SourceConditionNotMet", "TargetConditionNotMet"])
def test_an_overwritten_blob_is_superseded_in_whichever_words(code):
    assert isinstance(meaning_of(412, code), Superseded)


def test_an_api_version_that_the_account_does_not_know_rejects_no_image(blobs, account):
    account.answer(400, "InvalidHeaderValue", "x-ms-version")
    with pytest.raises(StorageUnavailable):
        blobs.read(IMAGE)
    account.answer(400, "InvalidHeaderValue", "x-ms-copy-source")
    with pytest.raises(StorageRefused):
        blobs.read(IMAGE)


@pytest.mark.parametrize(("status", "code"), [(404, "ContainerNotFound"), (409, "ContainerBeingDeleted")])
def test_a_container_that_is_not_there_is_named_by_all_that_need_it(blobs, account, status, code):
    account.answer(status, code)
    for call in (
        blobs.ping, lambda: blobs.page(None, 1), lambda: blobs.read(IMAGE), lambda: blobs.present_run("img", "x"),
    ):  # fmt: skip
        with pytest.raises(ContainerMissing, match="'img'") as caught:
            call()
        assert caught.value.reason == "container_missing"


@pytest.mark.parametrize(("status", "code"), REFUSED)
def test_a_copy_that_storage_refuses_keeps_no_run_from_its_outcome(blobs, account, status, code, caplog):
    account.answer(status, code)
    assert blobs.quarantine.keep(RECORD) is None
    assert "storage_refused" in caplog.text
    assert RECORD.run_id in caplog.text


@pytest.mark.parametrize(
    ("status", "code"), [(409, "ContainerBeingDeleted"), (409, "LeaseAlreadyPresent"), (409, "AccountBeingCreated")]
)  # fmt: skip
def test_a_conflict_that_is_no_copy_is_not_taken_for_one(blobs, account, status, code):
    account.answer(status, code)
    with pytest.raises(StorageUnavailable):
        blobs.quarantine.keep(RECORD)


def test_a_copy_that_is_there_counts_as_kept(blobs, account):
    account.answer(409, "BlobAlreadyExists")
    assert blobs.quarantine.keep(RECORD) == f"empty/{RECORD.run_id}-x.png"


@pytest.mark.parametrize("name", ["x.png", "猫" * 850, "é/" * 512, "a" * 1_024, "猫a" * 400 + ".png"])
def test_metadata_of_a_copy_stays_below_the_service_s_limit_and_tells_a_cut_name_apart(name):
    told = quarantine_metadata(replace(RECORD, blob_name=name, source_name="%E7" * 682, device_id="d" * 63))
    assert sum(len(key) + len(value) for key, value in told.items()) < 8_192 - 2_048
    assert all(value.isascii() for value in told.values())
    assert ("blobnamesha256" in told) == (name.count("猫") > 200 or name.count("é") > 300)
    assert name.startswith(unquote(told["blobname"], errors="strict"))


def test_a_source_s_address_over_two_kibibytes_is_never_sent_as_a_header(blobs, account):
    account.answer(431, "")
    assert blobs.quarantine.keep(replace(RECORD, blob_name="猫" * 850)) is None
    assert [line.partition(" ")[0] for line in account.asked] == ["GET"]
    account.asked.clear()
    assert blobs.quarantine.keep(replace(RECORD, blob_name="猫" * 850, size_bytes=1_001)) is None
    assert account.asked == []
