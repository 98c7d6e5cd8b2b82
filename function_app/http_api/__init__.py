"""The HTTP API, one module per resource; ``blueprints`` registers them all."""

from function_app.http_api import health, images, maintenance, openapi, results_csv, runs, stats

_PARTS = (runs, images, results_csv, stats, maintenance, health, openapi)
blueprints = tuple(part.blueprint for part in _PARTS)
