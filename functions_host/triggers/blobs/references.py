"""The reference that a deferred blob parameter is handed (contract C4b, recorded on Functions host 4.1037)."""

from __future__ import annotations

from functions_host.loading.deferred import ModelBindingData

_AS_IT_IS = frozenset("!#$%()*,-./:;=?@[]^_{|}~ ") | frozenset(
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)
_SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", "\\": "\\\\"}


def blob_reference(connection: str, container: str, name: str) -> ModelBindingData:
    """The reference to a blob: where it lies, by the name of a connection. It tells no version and no size."""
    content = ",".join(
        f'"{key}":{_text(value)}'
        for key, value in (("Connection", connection), ("ContainerName", container), ("BlobName", name))
    )
    return ModelBindingData("1.0", "AzureStorageBlobs", "application/json", f"{{{content}}}".encode())


def _text(value: str) -> str:
    """A JSON string as System.Text.Json writes it: escaped beyond ASCII, and what HTML might trip over too."""
    return (
        '"'
        + "".join(character if character in _AS_IT_IS else _escaped(character) for character in value)
        + '"'
    )


def _escaped(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02X}{units[i + 1]:02X}" for i in range(0, len(units), 2))
