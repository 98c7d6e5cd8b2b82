"""The HTTP API, one module per resource; ``blueprints`` registers them all."""

from function_app.http_api import health, images, runs, stats

blueprints = (runs.blueprint, images.blueprint, stats.blueprint, health.blueprint)
