"""The function app: runs in Azure, and unchanged in the embedded host.

``app`` is the FunctionApp that the Functions worker looks for in this module. Its functions are in ``workflow``
(the blob trigger, the orchestration of one image and its activities), ``maintenance`` (the timers), ``http_api`` (the
API) and ``dashboard`` (the web page).
"""

import logging

from azure.durable_functions import DFApp

from function_app import dashboard, http_api
from function_app.maintenance import timers
from function_app.workflow import activities, orchestration, triggers

# The storage client logs each request at Information, in several lines, and the host passes all of it on to
# Application Insights: two to four traces an image, recorded on Functions host 4.1037.
logging.getLogger("azure").setLevel(logging.WARNING)

app = DFApp()
_PARTS = (
    triggers.blueprint,
    timers.blueprint,
    orchestration.blueprint,
    activities.blueprint,
    *http_api.blueprints,
    *dashboard.blueprints,
)
for _part in _PARTS:
    app.register_functions(_part)

__all__ = ["app"]
