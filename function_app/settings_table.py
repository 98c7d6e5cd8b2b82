"""Every setting of the function app, in one table: what it means, its default, who reads it.

Nothing reads the environment through this table; tests hold it, the code, ``local.settings.json.example``,
infra/ and docs/settings.md to each other. ``python -m function_app.settings_table`` prints the document.
"""

from __future__ import annotations

from dataclasses import dataclass


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
_EXPORT = "function_app/telemetry_providers.py"

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
            f"function_app/triggers.py, {_CODE}", "img"),
    Setting("QUARANTINE_CONTAINER", "Container that keeps what was rejected or failed.", _CODE, "img-quarantine"),
    Setting("SQL_CONNECTION_STRING", "Where results go: an ODBC connection string, or `sqlite:///path`.", _CODE,
            secret=True),
    Setting("BLOB_TRIGGER_SOURCE", "`LogsAndContainerScan` (polling) or `EventGrid`, the only one that Flex "
            "Consumption takes.", "function_app/triggers.py", "LogsAndContainerScan"),
    Setting("TASKHUB_NAME", "Name space of the orchestrations: 3 to 45 letters and digits, a letter first. Two apps "
            "on one storage account need two names.", "host.json, host.dts.json"),
    Setting("IMAGE_WIDTH", "Pixels that an image must be wide.", _CODE, "32"),
    Setting("IMAGE_HEIGHT", "Pixels that an image must be high.", _CODE, "32"),
    Setting("MAX_IMAGE_BYTES", "Most bytes that a file may have.", _CODE, "1048576"),
    Setting("SWEEP_SCHEDULE", "When blobs without a run are looked for and started (NCRONTAB, six fields, UTC). With "
            "`func start` every minute, `0 * * * * *`: its polling trigger misses blobs (func-start.md).",
            "function_app/triggers.py", "0 */5 * * * *"),
    Setting("PURGE_SCHEDULE", "When the history of finished runs is forgotten, a minute's worth at each tick; ticks "
            "after the last one needed are free (NCRONTAB, six fields, UTC).",
            "function_app/triggers.py", "0 */5 3-5 * * *"),
    Setting("RETENTION_DAYS", "Days that history is kept; rows are kept for ever.", _CODE, "30"),
    Setting("PYTHON_THREADPOOL_THREAD_COUNT", "Activities at once per worker process; keep it equal to host.json's "
            "`maxConcurrentActivityFunctions`.", "the Python worker"),
    Setting(
        "TELEMETRY",
        "Traces and metrics by OpenTelemetry: `off`, `console`, `otlp` (to `OTEL_EXPORTER_OTLP_ENDPOINT`), "
        "`azuremonitor` (to Application Insights) or `provided` (set up by something else in the process).",
        "function_app/telemetry.py",
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
        "Made from `function_app/settings_table.py` by `python -m function_app.settings_table > docs/settings.md`; "
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


if __name__ == "__main__":
    print(markdown(), end="")
