"""The subscription's webhook names the blob-triggered function; a renamed function would get no event."""

from __future__ import annotations

import re

from function_app import app


def test_subscription_names_the_blob_triggered_function(bicep):
    told = re.search(r"param functionName string = '(\w+)'", bicep["event-subscription.bicep"].text)
    blob_triggered = [
        f.get_function_name() for f in app.get_functions() if f.get_trigger().type == "blobTrigger"
    ]
    assert told is not None
    assert blob_triggered == [told.group(1)]
