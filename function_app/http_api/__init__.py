"""The HTTP API, one module per resource; ``blueprints`` registers them all."""

from function_app.http_api import health, images, openapi, results_csv, runs, stats, work

_PARTS = (runs, images, results_csv, stats, work, health, openapi)
blueprints = tuple(part.blueprint for part in _PARTS)
