"""The function app: runs in Azure, and unchanged in the embedded host.

``app`` is the one FunctionApp that the Functions worker looks for in this module. Its functions are
in ``workflow`` (what a blob starts: the orchestration of one image and its activities), ``maintenance`` (what the
clock starts), ``http_api`` (what people ask) and ``dashboard`` (what they look at).
"""

import logging

from azure.durable_functions import DFApp

from function_app import dashboard, http_api
from function_app.maintenance import timers
from function_app.workflow import activities, orchestration, triggers

# The storage client tells of each request at Information, in traces of several lines, and the host passes every one
# on to Application Insights: two to four an image, recorded on Functions host 4.1037.
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
