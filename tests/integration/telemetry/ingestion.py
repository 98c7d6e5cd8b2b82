"""A stand-in for Azure Monitor's ingestion endpoint and the platform's identity endpoint: the exporter runs whole.

The exporter signs in, and refuses to send its token over plain HTTP: so the endpoint has TLS, with a certificate of its
own that only the tested process trusts.
"""

from __future__ import annotations

import gzip
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TOKEN = "token-of-the-tests"


@dataclass
class Ingestion:
    """What was taken in, request by request; ``environment`` makes the exporter of another process send here."""

    environment: dict[str, str]
    batches: list[list[dict[str, Any]]] = field(default_factory=list)
    signed_in: set[str] = field(default_factory=set)

    @property
    def items(self) -> list[dict[str, Any]]:
        """All items of all requests."""
        return [item for batch in self.batches for item in batch]

    def of(self, base_type: str) -> list[dict[str, Any]]:
        """The items of one kind: RemoteDependencyData, MetricData, MessageData ..."""
        return [item for item in self.items if item["data"]["baseType"] == base_type]


def size(items: list[dict[str, Any]]) -> int:
    """Bytes of the items as JSON without blanks, which is how the exporter writes them before it packs them."""
    return sum(len(json.dumps(item, separators=(",", ":"))) for item in items)


@contextmanager
def ingestion_endpoint(folder: Path) -> Iterator[Ingestion]:
    """Both endpoints on loopback, their certificate in the folder."""
    certificate = _certificate(folder)
    taken = Ingestion({})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the identity endpoint
            told = {"access_token": TOKEN, "expires_on": str(int(time.time()) + 3600), "token_type": "Bearer",
                    "resource": "https://monitor.azure.com"}  # fmt: skip
            self._answer(told)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            sent = json.loads(body)
            taken.batches.append(sent)
            taken.signed_in.add(self.headers.get("Authorization", ""))
            self._answer({"itemsReceived": len(sent), "itemsAccepted": len(sent), "errors": []})

        def _answer(self, told: dict[str, Any]) -> None:
            body = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None: ...

    with _served(Handler) as identity, _served(Handler, certificate) as ingestion:
        taken.environment = {
            "APPLICATIONINSIGHTS_CONNECTION_STRING": "InstrumentationKey=00000000-0000-0000-0000-000000000000;"
            f"IngestionEndpoint=https://localhost:{ingestion}/",
            "REQUESTS_CA_BUNDLE": str(certificate),
            "IDENTITY_ENDPOINT": f"http://127.0.0.1:{identity}/token",
            "IDENTITY_HEADER": "header-of-the-tests",
            # What the exporter tells Microsoft of itself goes over the Internet and is on no bill of ours.
            "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
            "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true",
        }
        yield taken


@contextmanager
def _served(handler: type[BaseHTTPRequestHandler], certificate: Path | None = None) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def _certificate(folder: Path) -> Path:
    """Key and self-signed certificate of ``localhost`` in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "localhost.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
