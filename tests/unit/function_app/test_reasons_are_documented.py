"""Whoever meets a reason code finds in docs/reliability.md what it means and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from function_app import errors
from function_app.images.image import Reason
from function_app.workflow.retries import UNEXPECTED, WORKER_CRASHED

DOCUMENT = (Path(__file__).resolve().parents[3] / "docs" / "reliability.md").read_text(encoding="utf-8")
SECTION = DOCUMENT.partition("\n## Reasons\n")[2].partition("\n## ")[0]
FIRST_COLUMN = " ".join(line.split("|")[1] for line in SECTION.splitlines() if line.startswith("|"))

OF_A_RUN = [errors.BlobMissing, errors.Superseded, errors.TooLarge, errors.Misconfigured,
            errors.ConflictingResult, errors.StorageRefused, errors.ContainerMissing, errors.StorageUnavailable,
            errors.StoreUnavailable]  # fmt: skip


OTHERS = ["checksum_mismatch", "storage_forbidden", WORKER_CRASHED, UNEXPECTED]


@pytest.mark.parametrize("reason", [*Reason, *(error.reason for error in OF_A_RUN), *OTHERS])
def test_a_reason_is_explained(reason: str) -> None:
    assert f"`{reason}`" in FIRST_COLUMN
