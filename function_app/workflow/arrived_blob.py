"""What the blob trigger receives: where the blob is, without its bytes or version.

A parameter of an SDK type makes host and worker pass a reference instead of the content (deferred binding). Recorded on
Functions host 4.1037 with a blob of 500 MB: bytes took 2.2 GB in the host and 2 GB in the worker, a reference 15 MB and
none. The worker keeps what ``decode`` made by the blob's *name* and hands it out again for the next version, so nothing
that changes with a version may be in it; and no other binding of the function may hold an expression, or the host
sends bytes after all.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from azurefunctions.extensions.base import Datum, InConverter, SdkType

_MOST_KEPT = 10_000
_WORKER = "azure_functions_worker.bindings.meta"


@dataclass(frozen=True)
class ArrivedBlob(SdkType):
    """Container and name as the host sent them: unchecked, so perhaps not ours, or no longer there."""

    container: str
    name: str

    def get_sdk_type(self) -> ArrivedBlob:
        """Itself: this is what the function receives."""
        return self

    def __str__(self) -> str:
        return f"{self.container}/{self.name}"

    def why_not_of(self, container: str) -> str | None:
        """Why this is no blob of the container, for a person; None if it is one.

        Event Grid's webhook passes on any event that is posted to it: of other containers, and of no blob at all.
        """
        if self.container != container:
            return f"the container is {self.container!r}, not {container!r}"
        if not {".", ".."}.isdisjoint(self.name.split("/")):
            # On its way such a path is resolved: to another name of the same blob, or out of the container.
            return "no blob has a name with . or .. between slashes"
        if not self.name:
            return "no blob is named"
        return None if _encodes(self.name) else "no blob has a name that UTF-8 cannot hold"


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class ArrivedBlobConverter(InConverter, binding="blob", trigger="blobTrigger"):
    """Makes an ArrivedBlob of the host's reference; the worker finds it by the names of the bindings."""

    @classmethod
    def check_input_type_annotation(cls, pytype: type) -> bool:
        """Whether a parameter may be annotated so."""
        return issubclass(pytype, ArrivedBlob)

    @classmethod
    def has_implicit_output(cls) -> bool:
        """The trigger takes no return value."""
        return False

    @classmethod
    def decode(
        cls, data: Datum, *, trigger_metadata: Mapping[str, Any], pytype: type | None = None
    ) -> ArrivedBlob:
        """Raises ValueError when the host sent anything but a reference.

        ``pytype`` is optional because the runtime of Python 3.13 leaves it out in one of its two ways to call.
        """
        _bound_the_worker_s_memory()
        if data is None or data.type != "model_binding_data":
            raise ValueError(f"the host sent {data and data.type!r} instead of a reference to the blob")
        reference = json.loads(data.value.content)
        return ArrivedBlob(reference.get("ContainerName") or "", reference.get("BlobName") or "")


def _bound_the_worker_s_memory() -> None:
    """Empty the worker's table of converted values before it grows without end.

    The worker of Python 3.11 and 3.12 (4.28 to 4.34 were read) adds an entry of some 0.5 KB for each blob name and
    never takes one out: 5 GB after ten million images. It is read and written on the worker's event loop alone, where
    ``decode`` runs, and an entry that is gone is merely made again. The runtime of Python 3.13 keeps no such table.
    """
    kept = getattr(sys.modules.get(_WORKER), "deferred_bindings_cache", None)
    if isinstance(kept, dict) and len(kept) >= _MOST_KEPT:
        kept.clear()
