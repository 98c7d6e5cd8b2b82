"""An embedded Azure Functions host for Python v2 apps: HTTP, timer and blob triggers, Durable Functions.

It runs an app from its folder, unchanged, on a developer's computer, without Core Tools. What it cannot
run faithfully it refuses at start, naming the function. It is not meant to face the internet.
"""

__version__ = "0.1.0"
