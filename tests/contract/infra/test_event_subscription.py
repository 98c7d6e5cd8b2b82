"""The subscription names the blob-triggered function, and filters what the host's webhook lets through."""

from __future__ import annotations

import re
from pathlib import Path

from function_app import app

ROOT = Path(__file__).resolve().parents[3]


def test_subscription_names_the_blob_triggered_function(bicep):
    told = re.search(r"param functionName string = '(\w+)'", bicep["event-subscription.bicep"].text)
    blob_triggered = [
        f.get_function_name() for f in app.get_functions() if f.get_trigger().type == "blobTrigger"
    ]
    assert told is not None
    assert blob_triggered == [told.group(1)]


def test_subscription_lets_only_finished_blobs_of_the_image_container_through(bicep):
    """Recorded on Functions host 4.1037: it looks at neither type nor container, any event runs the function."""
    text = bicep["event-subscription.bicep"].text
    filters = text.partition("filter: {")[2].partition("retryPolicy")[0]
    assert re.search(r"includedEventTypes: \['Microsoft\.Storage\.BlobCreated'\]", filters)
    assert "subjectBeginsWith: '/blobServices/default/containers/${imageContainer}/'" in filters
    [advanced] = re.findall(r"operatorType: '(\w+)'\s+key: '([\w.]+)'\s+values: \[([^\]]+)\]", filters)
    assert advanced[:2] == ("StringIn", "data.api")
    assert set(re.findall(r"'(\w+)'", advanced[2])) == {
        "PutBlob",
        "PutBlockList",
        "CopyBlob",
        "FlushWithClose",
    }


def test_subscription_is_of_the_container_that_the_app_takes_for_its_own(bicep):
    """The device's container of the deployment is the app's IMAGE_CONTAINER, and what postdeploy hands over."""
    main = bicep["main.bicep"].text
    assert re.findall(r"output AGENT_CONTAINER string = (\w+)", main) == ["imageContainer"]
    assert re.search(r"IMAGE_CONTAINER: imageContainer\b", bicep["function-app.bicep"].text)
    hook = (ROOT / "infra" / "hooks" / "postdeploy.py").read_text(encoding="utf-8")
    assert "imageContainer={output(environ, 'AGENT_CONTAINER')}" in hook
