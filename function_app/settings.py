"""The app's settings: read from the environment once, and listed in the table that docs/settings.md is made from.

``IMAGE_STORAGE`` is either a connection string or, for identity-based access, the prefix of
``IMAGE_STORAGE__blobServiceUri`` and its companions (the Functions host's own convention).
Secrets never show in a repr.
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
    """The settings that the app's own code reads."""

    storage: StorageSettings
    sql_connection_string: str = field(repr=False)
    container: str = "img"
    quarantine_container: str = "img-quarantine"
    limits: ImageLimits = field(default_factory=ImageLimits)
    retention_days: int = 30


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings in environment variables. Raises Misconfigured naming the variable at fault."""
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

    ``default`` applies while it is unset; None means that it is required. ``secret`` means that its value on a local
    computer may contain a key or password; in Azure none does. ``where`` is ``both``, ``local`` or ``azure``.
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
    Setting("FUNCTIONS_WORKER_RUNTIME", "Language of the app: `python`. Not allowed on Flex Consumption.", _HOST,
            where="local"),
    Setting("AzureWebJobsStorage", "Connection string of the host's own storage: locks, trigger queues, orchestration "
            "state.", _HOST, secret=True, where="local"),
    Setting("AzureWebJobsStorage__blobServiceUri", "Blob endpoint of the host's own storage.", _HOST, where="azure"),
    Setting("AzureWebJobsStorage__queueServiceUri", "Queue endpoint of the host's own storage.", _HOST, where="azure"),
    Setting("AzureWebJobsStorage__tableServiceUri", "Table endpoint of the host's own storage.", _HOST, where="azure"),
    Setting("AzureWebJobsStorage__credential", "How the host signs in to it: `managedidentity`.", _HOST, where="azure"),
    Setting("AzureWebJobsStorage__clientId", "Client id of the app's identity.", _HOST, where="azure"),
    Setting("IMAGE_STORAGE", "Connection string of the image storage.", f"{_TRIGGER}, {_CODE}",
            secret=True, where="local"),
    Setting("IMAGE_STORAGE__blobServiceUri", "Blob endpoint of the image storage.", f"{_TRIGGER}, {_CODE}",
            where="azure"),
    Setting("IMAGE_STORAGE__queueServiceUri", "Queue endpoint of the image storage, for the trigger's poison queue.",
            _TRIGGER, where="azure"),
    Setting("IMAGE_STORAGE__credential", "How the trigger signs in to it: `managedidentity`.", _TRIGGER, where="azure"),
    Setting("IMAGE_STORAGE__clientId", "Client id of the app's identity.", f"{_TRIGGER}, {_CODE}, {_EXPORT}",
            where="azure"),
    Setting("IMAGE_CONTAINER", "Container that devices upload to. The trigger requires it to be set.",
            f"function_app/workflow/triggers.py, {_CODE}", "img"),
    Setting("QUARANTINE_CONTAINER", "Container for the bytes of rejected and failed images.", _CODE, "img-quarantine"),
    Setting("SQL_CONNECTION_STRING", "Database for the results: an ODBC connection string, or `sqlite:///path`.", _CODE,
            secret=True),
    Setting("BLOB_TRIGGER_SOURCE", "`LogsAndContainerScan` (polling) or `EventGrid` (required on Flex Consumption).",
            "function_app/workflow/triggers.py", "LogsAndContainerScan"),
    Setting("TASKHUB_NAME", "Task hub of the orchestrations: 3 to 45 letters and digits, starting with a letter. Two "
            "apps on one storage account need different names.", "host.json, host.dts.json"),
    Setting("IMAGE_WIDTH", "Required width of an image in pixels.", _CODE, "32"),
    Setting("IMAGE_HEIGHT", "Required height of an image in pixels.", _CODE, "32"),
    Setting("MAX_IMAGE_BYTES", "Maximum size of an image file in bytes.", _CODE, "1048576"),
    Setting("SWEEP_SCHEDULE", "When the sweep starts the runs of blobs that the trigger missed (NCRONTAB, six fields, "
            "UTC). For `func start` use `0 * * * * *`, every minute: its polling trigger misses blobs (func-start.md).",
            "function_app/maintenance/timers.py", "0 */5 * * * *"),
    Setting("PURGE_SCHEDULE", "When the history of old runs is purged, for up to a minute at each tick; a tick with "
            "nothing to purge reads one blob (NCRONTAB, six fields, UTC).",
            "function_app/maintenance/timers.py", "0 */5 3-5 * * *"),
    Setting("RETENTION_DAYS", "Days after which the orchestration history of a run is purged. Rows are kept for ever.",
            _CODE, "30"),
    Setting("PYTHON_THREADPOOL_THREAD_COUNT", "Concurrent activities per worker process. Keep it equal to "
            "`maxConcurrentActivityFunctions` in host.json.", "the Python worker"),
    Setting(
        "TELEMETRY",
        "Exporter of OpenTelemetry traces and metrics: `off`, `console`, `otlp` (to `OTEL_EXPORTER_OTLP_ENDPOINT`), "
        "`azuremonitor` (to Application Insights) or `provided` (set up by other code in the process).",
        "function_app/telemetry/observing.py",
        "off",
    ),
    Setting("APPLICATIONINSIGHTS_CONNECTION_STRING", "Destination of logs, traces and metrics. Its key grants no "
            "access, because local authentication is off.", f"{_HOST}, {_EXPORT}", "", where="azure"),
    Setting("APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "Makes telemetry authenticate with the app's identity.", _HOST,
            "", where="azure"),
    Setting("DURABLE_TASK_SCHEDULER_CONNECTION_STRING", "Endpoint and identity of the Durable Task Scheduler, if "
            "host.dts.json is used.", "host.dts.json", "", where="azure"),
)  # fmt: skip


def markdown() -> str:
    """docs/settings.md."""
    rows = "\n".join(
        f"| `{s.name}` | {s.meaning} | {_default(s)} | {'yes' if s.secret else 'no'} | {s.where} | {s.read_by} |"
        for s in SETTINGS
    )
    return (
        "# Settings of the function app\n\n"
        "Generated by `markdown()` of `function_app/settings.py`; tests compare the code, "
        "`local.settings.json.example`, `infra/` and this page with the table there.\n\n"
        "All are environment variables: on a local computer from `local.settings.json`, in Azure app settings. "
        '"Secret" marks those whose local value may contain a key or password; in Azure every sign-in is by '
        "identity, so that no setting contains one.\n\n"
        "| name | meaning | default | secret | set | read by |\n|---|---|---|---|---|---|\n"
        f"{rows}\n"
    )


def _default(setting: Setting) -> str:
    if setting.default is None:
        return "required"
    return f"`{setting.default}`" if setting.default else "off"
