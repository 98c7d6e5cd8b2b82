"""The steps as Durable activities: JSON in, the plain function of ``steps.py``, JSON out.

Parameters are annotated with a plain class because the worker refuses ``dict[str, Any]``.
"""

from __future__ import annotations

from azure.durable_functions import Blueprint

from function_app.models.codec import from_json, to_json
from function_app.models.runs import Ending, RunRequest
from function_app.telemetry.observing import observed
from function_app.workflow import steps
from function_app.workflow.resources import resources

blueprint = Blueprint()


@blueprint.activity_trigger(input_name="run")
@observed
def validate_image(run: object) -> object:
    """Is the blob an image we score?"""
    return to_json(steps.validate(from_json(RunRequest, run), resources()))


@blueprint.activity_trigger(input_name="run")
@observed
def score_image(run: object) -> object:
    """What are its scores?"""
    return to_json(steps.score(from_json(RunRequest, run), resources()))


@blueprint.activity_trigger(input_name="ending")
@observed
def save_result(ending: object) -> object:
    """Record the scores."""
    return to_json(steps.save(from_json(Ending, ending), resources()))


@blueprint.activity_trigger(input_name="ending")
@observed
def reject_image(ending: object) -> object:
    """Record why it is not scored."""
    return to_json(steps.reject(from_json(Ending, ending), resources()))


@blueprint.activity_trigger(input_name="ending")
@observed
def fail_image(ending: object) -> object:
    """Record that it was given up."""
    return to_json(steps.fail(from_json(Ending, ending), resources()))
