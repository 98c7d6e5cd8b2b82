"""The function app: runs in Azure, and unchanged in the embedded host.

``app`` is the one FunctionApp that the Functions worker looks for in this module.
"""

import azure.durable_functions as df

app = df.DFApp()

__all__ = ["app"]
