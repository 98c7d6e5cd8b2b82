"""The steps as Durable activities: JSON in, the plain function of ``steps.py``, JSON out.

Parameters are annotated with a plain class because the worker refuses ``dict[str, Any]``. Their names are part of the
binding, which Azure keeps: a RunResult still arrives as ``ending``.
"""

from __future__ import annotations

from azure.durable_functions import Blueprint

from function_app.models.codec import from_json, to_json
from function_app.models.runs import RunRequest, RunResult
from function_app.telemetry.observing import observed
from function_app.workflow import steps
from function_app.workflow.resources import resources

blueprint = Blueprint()


@blueprint.activity_trigger(input_name="run")
@observed
def validate_image(run: object) -> object:
    """Check that the blob is an image that can be scored."""
    return to_json(steps.validate(from_json(RunRequest, run), resources()))


@blueprint.activity_trigger(input_name="run")
@observed
def score_image(run: object) -> object:
    """Score the image with every scorer."""
    return to_json(steps.score(from_json(RunRequest, run), resources()))


@blueprint.activity_trigger(input_name="ending")
@observed
def save_result(ending: object) -> object:
    """Record the scores."""
    return to_json(steps.save(from_json(RunResult, ending), resources()))


@blueprint.activity_trigger(input_name="ending")
@observed
def reject_image(ending: object) -> object:
    """Quarantine the image and record why it was rejected."""
    return to_json(steps.reject(from_json(RunResult, ending), resources()))


@blueprint.activity_trigger(input_name="ending")
@observed
def fail_image(ending: object) -> object:
    """Record that the run failed, and quarantine the image."""
    return to_json(steps.fail(from_json(RunResult, ending), resources()))
