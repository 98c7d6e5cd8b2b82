"""The app that is asked again: its functions note what they are handed, under the names that were recorded."""

FUNCTIONS = """
import sys
from azurefunctions.extensions.base import InConverter, SdkType

notes, calls = [], {"on_ref": 0}
gate = asyncio.Event()


def plain(datum):
    value = datum.value
    if datum.type == "model_binding_data":
        return {"type": datum.type, "version": value.version, "source": value.source,
                "content_type": value.content_type, "content": value.content.decode()}
    return {"type": datum.type, "value": value}


class Reference(SdkType):
    def __init__(self, told):
        super().__init__(data=told)
        self.told = told

    def get_sdk_type(self):
        return self


class ReferenceConverter(InConverter, binding="blob", trigger="blobTrigger"):
    @classmethod
    def check_input_type_annotation(cls, pytype):
        return issubclass(pytype, Reference)

    @classmethod
    def has_implicit_output(cls):
        return False

    @classmethod
    def decode(cls, data, *, trigger_metadata, pytype=None):
        told = {name: plain(value) for name, value in sorted(trigger_metadata.items())}
        return Reference({"data": plain(data), "metadata": told, "decoded": calls["on_ref"]})


def note(function, **seen):
    notes.append({"function": function, **seen})


def stream(function, blob):
    body = blob.read()
    note(function, name=blob.name, length=blob.length, uri=str(blob.uri), properties=blob.blob_properties,
         metadata=blob.metadata, read=len(body), head=body[:20].decode("latin-1"))


@app.route(route="notes")
async def take(req: func.HttpRequest) -> str:
    return json.dumps(notes)


@app.route(route="release")
async def release(req: func.HttpRequest) -> str:
    gate.set() if req.params["open"] == "1" else gate.clear()
    return "done"


@app.blob_trigger(arg_name="blob", path="trig-ok/{name}", connection="AzureWebJobsStorage")
def on_ok(blob: func.InputStream) -> None:
    stream("on_ok", blob)


@app.blob_trigger(arg_name="blob", path="trig-fail/{name}", connection="AzureWebJobsStorage")
def on_fail(blob: func.InputStream) -> None:
    note("on_fail", name=blob.name)
    raise ValueError("cannot take it")


@app.blob_trigger(arg_name="blob", path="trig-slow/{name}", connection="AzureWebJobsStorage")
async def on_slow(blob: func.InputStream) -> None:
    note("on_slow begins", name=blob.name, head=blob.read().decode("latin-1"))
    await gate.wait()
    note("on_slow ends", name=blob.name)


@app.blob_trigger(arg_name="blob", path="trig-pattern/{folder}/{name}.{ext}", connection="AzureWebJobsStorage")
def on_pattern(blob: func.InputStream) -> None:
    note("on_pattern", name=blob.name)


@app.blob_trigger(arg_name="blob", path="trig-bytes/{name}", connection="AzureWebJobsStorage", data_type="binary")
def on_bytes(blob: bytes) -> None:
    note("on_bytes", type=type(blob).__name__, length=len(blob))


@app.blob_trigger(arg_name="blob", path="trig-str/{name}", connection="AzureWebJobsStorage", data_type="string")
def on_str(blob: str) -> None:
    note("on_str", type=type(blob).__name__, text=str(blob))


@app.blob_trigger(arg_name="blob", path="trig-ref/{name}", connection="AzureWebJobsStorage")
def on_ref(blob: Reference) -> None:
    calls["on_ref"] += 1
    note("on_ref", value=blob.told)


@app.blob_trigger(arg_name="blob", path="eg-ok/{name}", connection="AzureWebJobsStorage", source="EventGrid")
def eg_ok(blob: func.InputStream) -> None:
    stream("eg_ok", blob)


@app.blob_trigger(arg_name="blob", path="eg-fail/{name}", connection="AzureWebJobsStorage", source="EventGrid")
def eg_fail(blob: func.InputStream) -> None:
    note("eg_fail", name=blob.name)
    raise ValueError("cannot take it")


@app.blob_trigger(arg_name="blob", path="eg-ref/{name}", connection="AzureWebJobsStorage", source="EventGrid")
def eg_ref(blob: Reference) -> None:
    note("eg_ref", value=blob.told)
"""
