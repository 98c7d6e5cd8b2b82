"""A small app with one function of each kind; Microsoft's runtime and the embedded host both run it."""

# Written as users write, and for two versions of azure-functions:
# mypy: disable-error-code="attr-defined, no-untyped-def, no-untyped-call, type-arg"

import json

import azure.durable_functions as df
import azure.functions as func
from azurefunctions.extensions.base import InConverter, SdkType

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="text/{id}")
def text(req: func.HttpRequest) -> str:
    return f"{req.method} {req.url} {req.route_params['id']} {dict(req.params)} {req.get_body().decode()}"


@app.route(route="full")
async def full(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    headers = {"X-A": "1", "Set-Cookie": "a=b"}
    return func.HttpResponse(context.function_name.encode(), status_code=201, headers=headers)


@app.route(route="parsed")
def parsed(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(str(req.get_json()["a"]), mimetype="application/x")


@app.route(route="nothing")
def nothing(req: func.HttpRequest):
    return None


@app.route(route="through_out", binding_arg_name="answer")
def through_out(req: func.HttpRequest, answer: func.Out[func.HttpResponse]) -> None:
    answer.set(func.HttpResponse("set", status_code=201))


@app.route(route="number")
def number(req: func.HttpRequest):
    return 5


@app.route(route="broken")
def broken(req: func.HttpRequest) -> str:
    raise ValueError("no")


@app.timer_trigger(schedule="0 * * * * *", arg_name="timer")
def tick(timer: func.TimerRequest) -> None:
    assert timer.past_due
    assert timer.schedule_status["Last"] == "x"


@app.timer_trigger(schedule="0 * * * * *", arg_name="timer")
def returns_too_much(timer: func.TimerRequest):
    return 5


@app.blob_trigger(arg_name="blob", path="c/{name}", connection="S")
def stream(blob: func.InputStream):
    raise RuntimeError(f"{blob.name} {blob.uri} {blob.length} {blob.metadata} {blob.read()!r}")


@app.blob_trigger(arg_name="blob", path="c/{name}", connection="S")
def raw(blob: bytes):
    raise RuntimeError(repr(blob))


class Place(SdkType):
    def __init__(self, told):
        super().__init__(data=told)
        self.told = told

    def get_sdk_type(self):
        return self


class PlaceConverter(InConverter, binding="blob", trigger="blobTrigger"):
    decoded = 0

    @classmethod
    def check_input_type_annotation(cls, pytype):
        return issubclass(pytype, Place)

    @classmethod
    def has_implicit_output(cls):
        return False

    @classmethod
    def decode(cls, data, *, trigger_metadata, pytype=None):
        cls.decoded += 1
        return Place([json.loads(data.value.content), data.type, sorted(trigger_metadata), cls.decoded])


@app.blob_trigger(arg_name="blob", path="c/{name}", connection="S")
@app.durable_client_input(client_name="client")
async def place(blob: Place, client):
    raise RuntimeError(f"{type(blob).__name__} {blob.told} {type(client).__name__}")


@app.activity_trigger(input_name="value")
def echo(value):
    return value


@app.activity_trigger(input_name="value", activity="Named")
async def echo_async(value: dict) -> dict:
    return {**value, "seen": True}


@app.activity_trigger(input_name="value")
def fails(value: str) -> str:
    raise KeyError(value)


@app.activity_trigger(input_name="value")
def not_json(value):
    return {1, 2}


@app.orchestration_trigger(context_name="context")
def chain(context):
    first = yield context.call_activity("echo", context.get_input())
    return first


@app.orchestration_trigger(context_name="context")
def falls(context):
    yield context.call_activity("echo", 1)
    raise ValueError("fell")


@app.orchestration_trigger(context_name="context")
def falls_at_once(context):
    raise ValueError("fell at once")
