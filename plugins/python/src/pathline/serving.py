"""A plugin process: it shakes hands with the host that started it, or listens for
one, and answers the three calls of the protocol."""

from __future__ import annotations

import contextlib
import faulthandler
import hashlib
import inspect
import json
import os
import signal
import socket
import sys
import sysconfig
import tempfile
import threading
import traceback
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

import grpc  # noqa: E402 - after its environment

from ._version import __version__  # noqa: E402
from .context import Context  # noqa: E402
from .errors import Error, ProtocolError  # noqa: E402
from .kinds.stage import Opening, Stage  # noqa: E402
from .registry import Implementation, Registry, default  # noqa: E402
from .wire import plugin_pb2 as pb  # noqa: E402
from .wire.memory import open_segments  # noqa: E402
from .wire.session import FRAME_BYTES, MESSAGE_BYTES, WINDOW_BYTES, Message, Session, diagnostics_of  # noqa: E402

__all__ = ["Service", "serve", "server"]

COOKIE = ("PATHLINE_PLUGIN", "rows-become-other-rows")
PROTOCOL = 1  # of ours
CORE_PROTOCOL = 1  # of go-plugin
LINGER = 1.0  # seconds that calls may take to end with their session


def serve(name: str | None = None, version: str | None = None, *, registry: Registry | None = None) -> None:
    """Offer what the decorators registered to the host that started this process,
    and return when the host is done. It is the last line of a plugin.

    Until then nothing may be written to standard output; from then on what is
    written there goes to standard error, and the host's log shows it. A program
    that was started by hand says that it is a plugin and exits with status 2. With
    the arguments ``serve --address ADDRESS``, as ``unix:///tmp/x.sock`` or
    ``localhost:7000``, it listens there, for a host whose pipeline file says
    ``{address: ADDRESS}``: that is how to run it under a debugger.
    """
    main = sys.modules.get("__main__")
    if name is None:
        name = Path(sys.argv[0]).stem or "plugin"
        if name == "__main__":
            name = Path(sys.argv[0]).resolve().parent.name
    if version is None:
        version = str(getattr(main, "__version__", "0"))
    service = Service(name, version, registry or default)
    address = _address(sys.argv[1:])
    if address is not None:
        _listen(service, address)
    elif os.environ.get(COOKIE[0]) == COOKIE[1]:
        _serve_host(service)
    else:
        program = f"{Path(sys.executable).name}, {sys.argv[0]}"
        sys.stderr.write(f"{name} is a plugin of pathline: name it under `plugins:` in a pipeline file, as\n\n"
                         f"  plugins:\n    {name}: {{command: [{program}]}}\n\n"
                         f"or let it listen with `serve --address unix:///tmp/{name}.sock`.\n")
        sys.exit(2)


def _address(arguments: list[str]) -> str | None:
    """The X of `serve --address X`."""
    if not arguments or arguments[0] != "serve":
        return None
    for i, a in enumerate(arguments[1:], 1):
        if a.startswith("--address="):
            return a.partition("=")[2]
        if a == "--address" and i + 1 < len(arguments):
            return arguments[i + 1]
    return None


def _serve_host(service: "Service") -> None:
    """Serve the host at the other end of standard input and output."""
    handshake = _take_stdout()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the host hears of it too, and decides
    faulthandler.enable(all_threads=False)  # the host shows the last lines: those of the thread that failed
    if hasattr(signal, "SIGQUIT") and hasattr(faulthandler, "register"):
        # The host asks for the stacks of a plugin that makes no progress; then it ends.
        faulthandler.register(signal.SIGQUIT, all_threads=True, chain=True)
    done = threading.Event()
    g = server(service, done)
    folder = None
    if hasattr(socket, "AF_UNIX"):
        folder = tempfile.mkdtemp(prefix="plugin-", dir=os.environ.get("PLUGIN_UNIX_SOCKET_DIR") or None)
        network, address = "unix", os.path.join(folder, "socket")
        g.add_insecure_port(f"unix:{address}")
    else:
        network, address = "tcp", f"127.0.0.1:{g.add_insecure_port('127.0.0.1:0')}"
    g.start()
    os.write(handshake, f"{CORE_PROTOCOL}|{PROTOCOL}|{network}|{address}|grpc|\n".encode())
    os.close(handshake)

    # The lifeline: the host holds the other end, and its end is our end.
    def lifeline() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 4096):
                pass
        _remove(folder)
        sys.stderr.flush()
        os._exit(0)

    threading.Thread(target=lifeline, daemon=True, name="lifeline").start()
    done.wait()
    g.stop(LINGER)
    _remove(folder)
    # A call that never ends must not keep the process.
    t = threading.Timer(LINGER, os._exit, (0,))
    t.daemon = True
    t.start()


def _remove(folder: str | None) -> None:
    if folder is None:
        return
    with contextlib.suppress(OSError):
        os.unlink(os.path.join(folder, "socket"))
    with contextlib.suppress(OSError):
        os.rmdir(folder)


def _take_stdout() -> int:
    """The pipe to the host; standard output is joined to standard error, also for
    code that writes to the descriptor. The host reads one line from the pipe, and
    whoever wrote more would wait for a reader."""
    sys.stdout.flush()
    pipe = os.dup(1)
    os.dup2(2, 1)
    with contextlib.suppress(AttributeError, ValueError):
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    return pipe


def _listen(service: "Service", address: str) -> None:
    """Serve at an address until interrupted."""
    g = server(service, threading.Event())
    target = address
    if address.startswith("unix://"):
        target = "unix:" + address[len("unix://"):]
    try:
        port = g.add_insecure_port(target)
    except RuntimeError:
        port = 0
    if port == 0:
        sys.stderr.write(f"cannot listen at {address}\n")
        sys.exit(1)
    g.start()
    sys.stderr.write(f"{service.name} listens at {address}\n")
    try:
        g.wait_for_termination()
    except KeyboardInterrupt:
        g.stop(0)
    finally:
        if target.startswith("unix:"):
            with contextlib.suppress(OSError):
                os.unlink(target[len("unix:"):])
    os._exit(0)


def server(service: "Service", done: threading.Event) -> grpc.Server:
    """A gRPC server of the protocol and of what go-plugin asks. done is set when
    the host asks the process to end."""
    g = grpc.server(futures.ThreadPoolExecutor(max_workers=1 << 12, thread_name_prefix="rpc"), options=[
        ("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.max_send_message_length", MESSAGE_BYTES),
        ("grpc.so_reuseport", 0)])

    def unary(answer: Any, request: Any = None) -> Any:
        return grpc.unary_unary_rpc_method_handler(
            answer, request and request.FromString, (lambda m: m.SerializeToString()) if request else None)

    def shutdown(_: bytes, context: Any) -> bytes:
        done.set()
        return b""

    g.add_generic_rpc_handlers((
        grpc.method_handlers_generic_handler("pathline.plugin.v1.Plugin", {
            "Describe": unary(service.describe, pb.DescribeRequest),
            "Validate": unary(service.validate, pb.ValidateRequest),
            "Session": grpc.stream_stream_rpc_method_handler(
                service.session, pb.Frame.FromString, pb.Frame.SerializeToString)}),
        # HealthCheckResponse{status: SERVING}
        grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": unary(lambda r, c: b"\x08\x01")}),
        grpc.method_handlers_generic_handler("plugin.GRPCController", {"Shutdown": unary(shutdown)}),
        grpc.method_handlers_generic_handler("plugin.GRPCStdio", {
            "StreamStdio": grpc.unary_stream_rpc_method_handler(lambda r, c: iter(()))}),
    ))
    return g


class Service:
    """Answers the three calls of the protocol from a registry."""

    def __init__(self, name: str, version: str, registry: Registry) -> None:
        self.name = name
        self.version = version
        self.registry = registry
        self._code: str | None = None

    def describe(self, request: pb.DescribeRequest, context: Any = None) -> pb.DescribeResponse:
        """What the plugin implements."""
        if self._code is None:
            self._code = code_of(self.registry)
        return pb.DescribeResponse(
            name=self.name, version=self.version, code=self._code, capabilities=["shm", "heartbeat"],
            implementations=[pb.Implementation(
                kind=i.kind.name, name=i.name, doc=i.doc, version=i.version, example=i.example,
                config_schema=i.schema, capabilities=i.capabilities) for i in self.registry.implementations.values()])

    def validate(self, request: pb.ValidateRequest, context: Any = None) -> pb.ValidateResponse:
        """Whether a configuration is accepted."""
        try:
            impl = self._find(request.kind, request.use)
            impl.kind.stage(impl.configured(request.config), Opening(request.use, request.config, Context()))
        except Exception as e:  # noqa: BLE001 - the author's code; what it raises is the answer
            _show(e)
            return pb.ValidateResponse(diagnostics=diagnostics_of(e))
        return pb.ValidateResponse()

    def _find(self, kind: str, use: str) -> Implementation:
        impl = self.registry.find(kind, use)
        if impl is None:
            raise Error(f"the plugin has no {kind} {use!r}", reason="unknown_use")
        return impl

    def session(self, frames: Iterator[pb.Frame], context: Any) -> Iterator[pb.Frame]:
        """One live instance."""
        first = next(frames, None)
        if first is None:
            return
        instance = None
        try:
            if first.WhichOneof("body") != "open":
                raise ProtocolError("a session does not begin with open")
            open_ = first.open
            surroundings = context_of(open_.surroundings)
            impl = self._find(open_.kind, open_.use)
            instance = impl.configured(open_.config)
            opening = Opening(open_.use, open_.config, surroundings)
            if callable(getattr(instance, "setup", None)):
                instance.setup(surroundings)
            stage = impl.kind.stage(instance, opening)
        except Exception as e:  # noqa: BLE001 - the author's code; what it raises is the answer
            _show(e)
            yield pb.Frame(fault=pb.Fault(diagnostics=diagnostics_of(e)))
            _close(instance)
            return
        opening.objects[""] = stage.answer
        window = open_.window_bytes if 1 << 10 <= open_.window_bytes <= 1 << 32 else WINDOW_BYTES
        s = Session(opening.handle, window=window, frame_bytes=open_.frame_bytes or FRAME_BYTES, stop=surroundings.stopping.set)
        opening.session = s
        surroundings.emit = lambda event: s.progress(json.dumps(event, allow_nan=False, default=str).encode())
        opened = pb.Opened(window_bytes=WINDOW_BYTES, frame_bytes=FRAME_BYTES, capabilities=stage.capabilities())
        if open_.HasField("shared_memory"):
            segments = open_segments(open_.shared_memory, s.release_soon)
            if segments is not None:
                s.share(*segments)
                opened.capabilities.append("shm")
        yield pb.Frame(result=pb.Result(opened=opened))
        broken: list[Error] = []
        ended = threading.Event()

        def read() -> None:
            error = Error("the session has ended", reason="plugin_protocol")
            try:
                for f in frames:
                    if f.WhichOneof("body") == "close":
                        break  # the instance ends, whether or not its host ends the stream
                    s.take(f)
            except ProtocolError as e:
                error = e
                broken.append(e)
            except Exception:  # noqa: BLE001 - the stream broke: the host has gone, or gave up
                pass
            ended.set()
            s.fail(error)
            s.finish(LINGER)

        threading.Thread(target=read, daemon=True, name="frames").start()
        if open_.heartbeat_ms:
            threading.Thread(target=_beat, args=(s, ended, open_.heartbeat_ms / 1000), daemon=True, name="heartbeat").start()
        try:
            yield from s.outgoing()
        finally:
            _close(instance)
        if broken:
            sys.stderr.write(f"the host broke the protocol: {broken[0]}\n")
            context.abort(grpc.StatusCode.INTERNAL, str(broken[0]))


def _beat(s: Session, ended: threading.Event, every: float) -> None:
    """Say every so often that the process lives."""
    with contextlib.suppress(Error):
        while not ended.wait(every):
            s.progress()


def _show(e: Exception) -> None:
    """The traceback of a mistake, for the log."""
    if not isinstance(e, Error):
        traceback.print_exception(type(e), e, e.__traceback__, file=sys.stderr)
        sys.stderr.flush()


def _close(instance: Any) -> None:
    close = getattr(instance, "close", None)
    if callable(close):
        try:
            close()
        except Exception as e:  # noqa: BLE001 - nobody is left to tell but the log
            _show(e)


def context_of(s: pb.Surroundings) -> Context:
    """The surroundings of an instance."""
    return Context(stage=s.stage, seed=s.seed, dir=s.dir, out=s.out, state=s.state, threads=max(s.threads, 1), memory=s.memory,
                   resume=s.resume, key=s.key, log_level=s.log_level)


def code_of(registry: Registry) -> str:
    """A digest of the program: other code may give other results under the same
    version. It covers the SDK's version and every module that lies in a folder or
    package of one that defines an implementation."""
    folders, packages = set(), set()
    outside = {sysconfig.get_paths()[k] for k in ("stdlib", "platstdlib", "purelib", "platlib")}
    for i in registry.implementations.values():
        module = inspect.getmodule(i.cls)
        file = getattr(module, "__file__", None)
        if module is None or file is None:
            continue
        if module.__name__ != "__main__" and "." in module.__name__:
            packages.add(module.__name__.partition(".")[0])
        elif not any(Path(file).resolve().is_relative_to(Path(o).resolve()) for o in outside):
            folders.add(Path(file).resolve().parent)
        else:
            packages.add(module.__name__)
    digest = hashlib.sha256(f"pathline {__version__}\0".encode())
    files: dict[str, Path] = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not file or not file.endswith((".py", ".pyc", ".so", ".pyd")) or name.partition(".")[0] == "pathline":
            continue
        path = Path(file).resolve()
        if name.partition(".")[0] in packages or any(f in path.parents and "site-packages" not in path.parts for f in folders):
            files[path.name if name == "__main__" else name] = path
    for name in sorted(files):
        with contextlib.suppress(OSError):
            digest.update(name.encode() + b"\0" + hashlib.sha256(files[name].read_bytes()).digest())
    return digest.hexdigest()
