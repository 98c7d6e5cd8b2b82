"""The app's settings, read from the environment once; secrets never show in a repr.

``IMAGE_STORAGE`` is either a connection string or, for identity-based access, the prefix of
``IMAGE_STORAGE__blobServiceUri`` and its companions (the Functions host's own convention).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from function_app.errors import Misconfigured


@dataclass(frozen=True)
class StorageSettings:
    """How to reach blob storage: one of ``connection_string`` and ``blob_service_uri`` is set."""

    connection_string: str | None = field(default=None, repr=False)
    blob_service_uri: str | None = None
    client_id: str | None = None  # of a user-assigned managed identity


@dataclass(frozen=True)
class ImageLimits:
    """What a valid image is: its size in pixels, and the most bytes its file may have."""

    width: int = 32
    height: int = 32
    max_bytes: int = 1_048_576


@dataclass(frozen=True)
class Settings:
    """Everything the app's own code needs to know about where it runs."""

    storage: StorageSettings
    sql_connection_string: str = field(repr=False)
    container: str = "img"
    quarantine_container: str = "img-quarantine"
    limits: ImageLimits = field(default_factory=ImageLimits)
    retention_days: int = 30


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Settings out of environment variables. Raises Misconfigured naming the variable at fault."""
    return Settings(
        storage=_storage(environ),
        sql_connection_string=_required(environ, "SQL_CONNECTION_STRING"),
        container=environ.get("IMAGE_CONTAINER") or "img",
        quarantine_container=environ.get("QUARANTINE_CONTAINER") or "img-quarantine",
        limits=ImageLimits(
            width=_positive(environ, "IMAGE_WIDTH", 32),
            height=_positive(environ, "IMAGE_HEIGHT", 32),
            max_bytes=_positive(environ, "MAX_IMAGE_BYTES", 1_048_576),
        ),
        retention_days=_positive(environ, "RETENTION_DAYS", 30),
    )


@lru_cache(maxsize=1)
def current_settings() -> Settings:
    """The settings of this process."""
    return read_settings(os.environ)


def _storage(environ: Mapping[str, str]) -> StorageSettings:
    connection_string = environ.get("IMAGE_STORAGE")
    uri = environ.get("IMAGE_STORAGE__blobServiceUri")
    if not connection_string and not uri:
        raise Misconfigured(
            "set IMAGE_STORAGE (connection string) or IMAGE_STORAGE__blobServiceUri (identity)"
        )
    return StorageSettings(connection_string or None, uri or None, environ.get("IMAGE_STORAGE__clientId"))


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name)
    if not value:
        raise Misconfigured(f"set {name}")
    return value


def _positive(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise Misconfigured(f"{name} must be a whole number above 0")
    return int(text)


@dataclass(frozen=True)
class Setting:
    """One environment variable.

    ``default`` is what holds when it is unset; None means that it must be set. ``secret`` means that its local
    form can hold a key or password; in Azure none does. ``where`` is ``both``, ``local`` or ``azure``.
    """

    name: str
    meaning: str
    read_by: str
    default: str | None = None
    secret: bool = False
    where: str = "both"


_HOST = "the Functions host"
_TRIGGER = "the blob trigger"
_CODE = "function_app/settings.py"
_EXPORT = "function_app/telemetry/providers.py"

SETTINGS: tuple[Setting, ...] = (
    Setting("FUNCTIONS_WORKER_RUNTIME", "Language of the app: `python`. Flex Consumption refuses it.", _HOST,
            where="local"),
    Setting("AzureWebJobsStorage", "The host's own storage: locks, trigger queue, orchestration state.", _HOST,
            secret=True, where="local"),
    Setting("AzureWebJobsStorage__blobServiceUri", "The same by identity: blob endpoint.", _HOST, where="azure"),
    Setting("AzureWebJobsStorage__queueServiceUri", "Queue endpoint.", _HOST, where="azure"),
    Setting("AzureWebJobsStorage__tableServiceUri", "Table endpoint.", _HOST, where="azure"),
    Setting("AzureWebJobsStorage__credential", "`managedidentity`.", _HOST, where="azure"),
    Setting("AzureWebJobsStorage__clientId", "Client id of the app's identity.", _HOST, where="azure"),
    Setting("IMAGE_STORAGE", "Storage of the images, as a connection string.", f"{_TRIGGER}, {_CODE}",
            secret=True, where="local"),
    Setting("IMAGE_STORAGE__blobServiceUri", "The same by identity: blob endpoint.", f"{_TRIGGER}, {_CODE}",
            where="azure"),
    Setting("IMAGE_STORAGE__queueServiceUri", "Queue endpoint, for images that the trigger gave up.", _TRIGGER,
            where="azure"),
    Setting("IMAGE_STORAGE__credential", "`managedidentity`.", _TRIGGER, where="azure"),
    Setting("IMAGE_STORAGE__clientId", "Client id of the app's identity.", f"{_TRIGGER}, {_CODE}, {_EXPORT}",
            where="azure"),
    Setting("IMAGE_CONTAINER", "Container that devices upload to. The trigger needs it set.",
            f"function_app/workflow/triggers.py, {_CODE}", "img"),
    Setting("QUARANTINE_CONTAINER", "Container that keeps what was rejected or failed.", _CODE, "img-quarantine"),
    Setting("SQL_CONNECTION_STRING", "Where results go: an ODBC connection string, or `sqlite:///path`.", _CODE,
            secret=True),
    Setting("BLOB_TRIGGER_SOURCE", "`LogsAndContainerScan` (polling) or `EventGrid`, the only one that Flex "
            "Consumption takes.", "function_app/workflow/triggers.py", "LogsAndContainerScan"),
    Setting("TASKHUB_NAME", "Name space of the orchestrations: 3 to 45 letters and digits, a letter first. Two apps "
            "on one storage account need two names.", "host.json, host.dts.json"),
    Setting("IMAGE_WIDTH", "Pixels that an image must be wide.", _CODE, "32"),
    Setting("IMAGE_HEIGHT", "Pixels that an image must be high.", _CODE, "32"),
    Setting("MAX_IMAGE_BYTES", "Most bytes that a file may have.", _CODE, "1048576"),
    Setting("SWEEP_SCHEDULE", "When blobs without a run are looked for and started (NCRONTAB, six fields, UTC). With "
            "`func start` every minute, `0 * * * * *`: its polling trigger misses blobs (func-start.md).",
            "function_app/maintenance/timers.py", "0 */5 * * * *"),
    Setting("PURGE_SCHEDULE", "When the history of finished runs is forgotten, a minute's worth at each tick; ticks "
            "after the last one needed are free (NCRONTAB, six fields, UTC).",
            "function_app/maintenance/timers.py", "0 */5 3-5 * * *"),
    Setting("RETENTION_DAYS", "Days that history is kept; rows are kept for ever.", _CODE, "30"),
    Setting("PYTHON_THREADPOOL_THREAD_COUNT", "Activities at once per worker process; keep it equal to host.json's "
            "`maxConcurrentActivityFunctions`.", "the Python worker"),
    Setting(
        "TELEMETRY",
        "Traces and metrics by OpenTelemetry: `off`, `console`, `otlp` (to `OTEL_EXPORTER_OTLP_ENDPOINT`), "
        "`azuremonitor` (to Application Insights) or `provided` (set up by something else in the process).",
        "function_app/telemetry/observing.py",
        "off",
    ),
    Setting("APPLICATIONINSIGHTS_CONNECTION_STRING", "Where logs, traces and metrics go; holds no key that could "
            "write, as local authentication is off.", f"{_HOST}, {_EXPORT}", "", where="azure"),
    Setting("APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "Signs telemetry in with the identity.", _HOST, "",
            where="azure"),
    Setting("DURABLE_TASK_SCHEDULER_CONNECTION_STRING", "Endpoint and identity of the Durable Task Scheduler; only "
            "with host.dts.json.", "host.dts.json", "", where="azure"),
)  # fmt: skip


def markdown() -> str:
    """docs/settings.md."""
    rows = "\n".join(
        f"| `{s.name}` | {s.meaning} | {_default(s)} | {'yes' if s.secret else 'no'} | {s.where} | {s.read_by} |"
        for s in SETTINGS
    )
    return (
        "# Settings of the function app\n\n"
        "Made by `markdown()` of `function_app/settings.py`; a test says how when it is out of date; "
        "tests hold code, `local.settings.json.example`, `infra/` and this page to it.\n\n"
        "All are environment variables: on one computer from `local.settings.json`, in Azure app settings. "
        '"Secret" says that the local form can hold a key or password; in Azure every sign-in is by identity '
        "and no setting holds one.\n\n"
        "| name | meaning | default | secret | set | read by |\n|---|---|---|---|---|---|\n"
        f"{rows}\n"
    )


def _default(setting: Setting) -> str:
    if setting.default is None:
        return "must be set"
    return f"`{setting.default}`" if setting.default else "off"
