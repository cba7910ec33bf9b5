"""A double of the host: the protocol's other side over a real Unix socket."""

from __future__ import annotations

import json
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

sys.path.insert(0, str(Path(__file__).parent / "plugins"))

from pathline import serving  # noqa: E402
from pathline.registry import Registry  # noqa: E402
from pathline.wire import plugin_pb2 as pb  # noqa: E402
from pathline.wire.session import MESSAGE_BYTES, WINDOW_BYTES, Message, Session, error_of  # noqa: E402


class Opened:
    """An instance, and the host's end of its session."""

    def __init__(self, channel: grpc.Channel, open_: pb.Open, segments: Any = None) -> None:
        self.objects: dict[str, Any] = {}
        self.events: list[dict[str, Any]] = []
        self.beats = 0
        self.session = Session(self._handle, host=True, window=open_.window_bytes or WINDOW_BYTES, progress=self._event)
        if segments is not None:
            self.session.share(*segments(self.session.release_soon))
        call = channel.stream_stream("/pathline.plugin.v1.Plugin/Session", pb.Frame.SerializeToString, pb.Frame.FromString)
        # The first frame of the host is open.
        self.stream = call(self._frames(open_))
        first = next(self.stream)
        if first.WhichOneof("body") == "fault":
            raise error_of(first.fault.diagnostics)
        self.capabilities = list(first.result.opened.capabilities)
        self.error: BaseException | None = None
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _frames(self, open_: pb.Open) -> Iterator[pb.Frame]:
        yield pb.Frame(open=open_)
        yield from self.session.outgoing()

    def _read(self) -> None:
        try:
            for f in self.stream:
                if f.WhichOneof("body") == "progress" and not f.progress.event:
                    self.beats += 1
                self.session.take(f)
        except Exception as e:  # noqa: BLE001
            self.error = e
        self.session.fail(error_of([pb.Diagnostic(reason="plugin_crash", message="the session ended")]))

    def _handle(self, target: str, method: str, m: Message) -> Message:
        return self.objects[target](method, m)

    def _event(self, raw: bytes) -> None:
        self.events.append(json.loads(raw))

    def call(self, target: str, method: str, values: Any = None, *batches: Any, ports: Any = ()) -> Message:
        return self.session.call(target, method, values, *batches, ports=ports)

    def service(self, *ports: pb.Port) -> tuple[str, dict[str, Any]]:
        """Run the stage; its service's target and facts."""
        out = self.call("", "run", ports=ports).outputs
        return out.service.target, json.loads(out.service.facts)

    def close(self) -> None:
        self.session.send(pb.Frame(close=pb.Close()))
        self.session.finish(1)
        self.reader.join(5)
        assert not self.reader.is_alive(), "the plugin does not end its side of the stream"


class Host:
    """A host with one plugin, served by this process."""

    def __init__(self, registry: Registry, name: str = "test") -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="pl-")
        self.done = threading.Event()
        self.server = serving.server(serving.Service(name, "1", registry), self.done)
        address = f"unix:{self.folder.name}/s"
        self.server.add_insecure_port(address)
        self.server.start()
        self.channel = grpc.insecure_channel(address, options=[
            ("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.max_send_message_length", MESSAGE_BYTES)])
        self.opened: list[Opened] = []

    def describe(self) -> pb.DescribeResponse:
        call = self.channel.unary_unary("/pathline.plugin.v1.Plugin/Describe", pb.DescribeRequest.SerializeToString, pb.DescribeResponse.FromString)
        return call(pb.DescribeRequest(), timeout=2)

    def validate(self, kind: str, use: str, config: Any) -> list[pb.Diagnostic]:
        call = self.channel.unary_unary("/pathline.plugin.v1.Plugin/Validate", pb.ValidateRequest.SerializeToString, pb.ValidateResponse.FromString)
        return list(call(pb.ValidateRequest(kind=kind, use=use, config=json.dumps(config).encode()), timeout=2).diagnostics)

    def raw(self, method: str) -> bytes:
        return self.channel.unary_unary(method)(b"", timeout=2)

    def open(self, kind: str, use: str, config: Any = None, segments: Any = None, **more: Any) -> Opened:
        surroundings = pb.Surroundings(stage="the-stage", seed=7, out=self.folder.name, threads=2)
        o = Opened(self.channel, pb.Open(kind=kind, use=use, config=json.dumps(config or {}).encode(), surroundings=surroundings, **more), segments)
        self.opened.append(o)
        return o

    def close(self) -> None:
        for o in self.opened:
            if o.session.error is None:
                o.close()
        self.channel.close()
        self.server.stop(0).wait()
        self.folder.cleanup()


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def host(registry):
    h = Host(registry)
    yield h
    h.close()


@pytest.fixture
def every():
    """A host with an implementation of every kind."""
    import every_kind  # noqa: F401

    from pathline.registry import default

    h = Host(default)
    yield h
    h.close()
