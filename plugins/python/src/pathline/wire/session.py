"""One session: a symmetric exchange of calls on one stream of frames.

The thread that reads the stream hands frames to :meth:`Session.take`, which never
waits. Every call of the other side is answered by a thread of its own, so code
that is being called may call back, and be called again, without end. What is to
be sent is queued; the thread that writes the stream takes it from
:meth:`Session.outgoing`.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from ..errors import Cancelled, Diagnostic, Error, HostError, ProtocolError
from . import plugin_pb2 as pb
from . import schema as schemas
from .batch import Encoded, decode
from .memory import Received, Sent
from .workers import Interruptible, submit

__all__ = ["FRAME_BYTES", "MESSAGE_BYTES", "Message", "Session", "WINDOW_BYTES", "diagnostics_of", "error_of"]

FRAME_BYTES = 64 << 20  # largest payload of one frame
MESSAGE_BYTES = FRAME_BYTES + (1 << 20)  # limit of gRPC messages, on both sides
WINDOW_BYTES = 32 << 20  # items that are held before credit is given
PIECE_BYTES = 4 << 20  # larger values travel as items of about this size
SHARED_BYTES = 1 << 10 if os.environ.get("PATHLINE_SHARED_MEMORY") == "test" else 32 << 10  # larger payloads go into shared memory
MAX_SCHEMAS = 4096
MAX_CALLS = 1024
MAX_PARTS = 64
GRACE = 0.5  # seconds that a cancelled call may take to notice

_current = threading.local()


def _ours() -> contextlib.AbstractContextManager[None]:
    """Code of ours that code of the author calls: it is not interrupted halfway."""
    e: _Exchange | None = getattr(_current, "exchange", None)
    return contextlib.nullcontext() if e is None else e.author.ours()


@dataclass
class Message:
    """A call's arguments, or a result."""

    values: Any = None  # JSON
    batches: list[pa.RecordBatch] = field(default_factory=list)
    ports: list[pb.Port] = field(default_factory=list)  # of a call
    outputs: pb.Outputs | None = None  # of a result
    rows: Callable[[], Iterable[pa.RecordBatch]] | None = None  # of a result: batches that are streamed after it


Handler = Callable[[str, str, Message], Message]


class _Exchange:
    """One call that is under way, on the side of its caller or of its answerer."""

    def __init__(self, seq: int, window: int) -> None:
        self.seq = seq
        self.wake = threading.Condition()
        self.head: pb.Frame | None = None  # of the answer to a call of ours
        self.batches: list[pa.RecordBatch] = []
        self.items: deque[tuple[pa.RecordBatch, int, int]] = deque()
        self.held = 0
        self.count = self.rows = 0
        self.over = False
        self.fault: Error | None = None
        self.gone = False  # what still arrives is dropped
        self.credit = window
        self.cancelled = False
        self.ended: Error | None = None  # of the session
        # Of a call of theirs:
        self.author = Interruptible()
        self.replied = False
        self.children: set[_Exchange] = set()

    def notify(self, **changes: Any) -> None:
        with self.wake:
            for name, value in changes.items():
                setattr(self, name, value)
            self.wake.notify_all()

    def wait(self, ready: Callable[[], bool]) -> None:
        """Wait until ready; the end of the session or of the call is an error."""
        with self.wake:
            while not ready():
                if self.cancelled:
                    raise Cancelled()
                if self.ended is not None:
                    raise self.ended
                self.wake.wait()


class Session:
    """One side of a session. ``call`` and ``read`` may be used by any thread."""

    def __init__(self, handler: Handler, *, host: bool = False, window: int = WINDOW_BYTES,
                 frame_bytes: int = FRAME_BYTES, stop: Callable[[], None] = lambda: None,
                 progress: Callable[[bytes], None] = lambda event: None) -> None:
        self._handler = handler
        self._host = host
        self._window = window
        self._frame_bytes = min(frame_bytes, FRAME_BYTES)
        self._stop = stop
        self._progress = progress
        self._sent: Sent | None = None
        self._received: Received | None = None
        self._out: queue.SimpleQueue[pb.Frame | None | str] = queue.SimpleQueue()
        self._order = threading.Lock()  # of frames and of the numbers of schemas
        self._numbers: dict[bytes, int] = {}
        self._known: dict[pa.Schema, tuple[int, bytes]] = {}
        self._schemas: list[pa.Schema] = []  # of the other side; touched by take alone
        self._lock = threading.Lock()
        self._calls: dict[int, _Exchange] = {}
        self._serving: dict[int, _Exchange] = {}
        self._next = 1 if host else 2
        self._last = 0
        self._idle = threading.Condition(self._lock)
        self.error: Error | None = None

    # -- the stream

    def share(self, sent: Sent, received: Received) -> None:
        """Use shared memory from now on."""
        self._sent, self._received = sent, received

    def release_soon(self) -> None:
        """Send what was released in a frame of its own. Safe anywhere, also while
        something is being collected."""
        self._out.put("release")

    def outgoing(self) -> Iterator[pb.Frame]:
        """What is to be sent, until the session ends."""
        while True:
            f = self._out.get()
            if f is None:
                return
            received = self._received
            released = received.take() if received is not None else []
            if isinstance(f, str):
                if not released:
                    continue
                f = pb.Frame()
            f.released.extend(released)
            yield f

    def send(self, frame: pb.Frame, batches: Iterable[tuple[pb.Batch, Encoded]] = ()) -> None:
        """Queue a frame that carries these batches."""
        with self._order:
            if self.error is not None:
                raise self.error
            for b, encoded in batches:
                self._number(frame, b, encoded.schema)
            self._out.put(frame)

    def _number(self, frame: pb.Frame, b: pb.Batch, schema: pa.Schema) -> None:
        """Give the schema of a batch its number; announce it when it is new."""
        if schema.metadata is None and schema in self._known:
            b.schema = self._known[schema][0]
            return
        p = schemas.to_proto(schema)
        key = p.SerializeToString(deterministic=True)
        number = self._numbers.get(key)
        if number is None:
            if len(self._numbers) == MAX_SCHEMAS:
                raise ProtocolError(f"a session uses more than {MAX_SCHEMAS} schemas")
            number = len(self._numbers) + 1
            self._numbers[key] = number
            p.id = number
            frame.schemas.append(p)
        if schema.metadata is None and all(f.metadata is None for f in schema):
            self._known[schema] = (number, key)
        b.schema = number

    def _put(self, encoded: Encoded) -> pb.Batch:
        """The bytes of a batch, in shared memory or inline."""
        sent = self._sent
        if sent is not None and encoded.size > SHARED_BYTES:
            placed = sent.place(encoded.size)
            if placed is not None:
                block, to = placed
                encoded.write(to)
                return pb.Batch(block=block)
        return pb.Batch(payload=encoded.bytes())

    def _put_all(self, batches: list[pa.RecordBatch]) -> tuple[list[pb.Batch], list[Encoded]] | None:
        """Batches that travel in one frame, or None when they must go in pieces:
        without room in shared memory they are too large for one."""
        size = sum(b.nbytes for b in batches)
        sent = self._sent
        if size > PIECE_BYTES and (sent is None or size > sent.size or any(_wide(b) for b in batches)):
            return None
        parts, encoded, inline = [], [Encoded(b) for b in batches], 0
        for e in encoded:
            parts.append(self._put(e))
            inline += len(parts[-1].payload)
            if size > PIECE_BYTES and inline > PIECE_BYTES:
                assert sent is not None
                sent.released([p.block.generation for p in parts if p.HasField("block")])
                return None
        return parts, encoded

    def fail(self, error: Error) -> None:
        """End the session for everybody who waits."""
        with self._lock:
            if self.error is not None:
                return
            self.error = error
            waiting = [*self._calls.values(), *self._serving.values()]
        for e in waiting:
            e.notify(ended=error)
            e.author.cancel()
        self._insist(waiting)

    def finish(self, seconds: float) -> None:
        """Wait for the calls of the other side and end the outgoing frames."""
        with self._lock:
            self._idle.wait_for(lambda: not self._serving, seconds)
        self._out.put(None)
        self._sent = self._received = None  # what is still read stays mapped until it is let go of

    def progress(self, event: bytes = b"") -> None:
        """Report an event or, without one, that work goes on."""
        with _ours():
            self.send(pb.Frame(progress=pb.Progress(event=event)))

    # -- what arrives

    def take(self, f: pb.Frame) -> None:
        """Handle one frame. It never waits. A ProtocolError ends the session."""
        for p in f.schemas:
            if p.id != len(self._schemas) + 1 or p.id > MAX_SCHEMAS:
                raise ProtocolError(f"schema {p.id} comes after {len(self._schemas)} schemas")
            self._schemas.append(schemas.from_proto(p))
        if f.released:
            if self._sent is None:
                raise ProtocolError("blocks are released where none were sent")
            self._sent.released(list(f.released))
        ours = (f.seq % 2 == 1) == self._host
        body = f.WhichOneof("body")
        if body is None and f.released:
            return
        if body == "call":
            self._called(f.seq, ours, f.call)
        elif body == "result":
            self._answered(f, ours, self._decode_all(f.result.batches), f.result.more)
        elif body == "fault":
            e = self._find(f.seq, ours)
            if e is not None and e.head is not None and ours:
                self._drop(f.seq, True)
                e.notify(over=True, fault=error_of(f.fault.diagnostics))
            else:
                self._answered(f, ours, [], False)
        elif body == "item":
            self._item(f, ours)
        elif body == "end":
            e = self._find(f.seq, ours)
            if e is None:
                return self._stray(f.seq, ours)
            if ours:
                if e.head is None:
                    raise ProtocolError("a stream ends before its result")
                self._drop(f.seq, True)
            if not e.gone:
                if e.over:
                    raise ProtocolError("a stream ends twice")
                if (e.count, e.rows) != (f.end.batches, f.end.rows):
                    raise ProtocolError(f"a stream of {e.count} batches and {e.rows} rows says that it had "
                                        f"{f.end.batches} and {f.end.rows}")
            e.notify(over=True)
        elif body == "cancel":
            if f.seq == 0:
                self._stop()
            elif not ours and (e := self._find(f.seq, False)) is not None:
                self._cancel(e)
        elif body == "credit":
            if (e := self._find(f.seq, ours)) is not None:
                e.notify(credit=e.credit + min(f.credit.bytes, 1 << 40))
        elif body == "progress":
            if f.progress.event:
                self._progress(f.progress.event)
        elif body == "close":
            pass  # the end of the stream follows
        else:
            raise ProtocolError(f"a frame of seq {f.seq} has no body that is known here")

    def _find(self, seq: int, ours: bool) -> _Exchange | None:
        with self._lock:
            return (self._calls if ours else self._serving).get(seq)

    def _drop(self, seq: int, ours: bool) -> None:
        with self._lock:
            (self._calls if ours else self._serving).pop(seq, None)
            if not self._serving:
                self._idle.notify_all()

    def _stray(self, seq: int, ours: bool) -> None:
        with self._lock:
            if ours or seq > self._last:
                raise ProtocolError(f"a frame belongs to call {seq}, which does not exist")

    def _decode(self, b: pb.Batch) -> tuple[pa.RecordBatch, int]:
        if not 1 <= b.schema <= len(self._schemas):
            raise ProtocolError(f"a batch has schema {b.schema} of {len(self._schemas)}")
        if b.HasField("block"):
            if self._received is None:
                raise ProtocolError("a batch is in shared memory, which was not agreed")
            payload = self._received.read(b.block)
        else:
            payload = pa.py_buffer(b.payload)
        return decode(self._schemas[b.schema - 1], payload), payload.size

    def _decode_all(self, batches: Iterable[pb.Batch]) -> list[pa.RecordBatch]:
        out = [self._decode(b)[0] for b in batches]
        if len(out) > MAX_PARTS:
            raise ProtocolError(f"a message has {len(out)} batches")
        return out

    def _item(self, f: pb.Frame, ours: bool) -> None:
        batch, size = self._decode(f.item.batch)
        e = self._find(f.seq, ours)
        if e is None:
            return self._stray(f.seq, ours)
        if f.item.index >= MAX_PARTS:
            raise ProtocolError(f"an item belongs to batch {f.item.index}")
        with e.wake:
            if e.over and not e.gone:
                raise ProtocolError("a batch comes after the end of its stream")
            e.count += 1
            e.rows += batch.num_rows
            if e.gone:
                return
            if e.held > self._window:
                raise ProtocolError("more was sent than there was credit for")
            e.held += size
            e.items.append((batch, f.item.index, size))
            e.wake.notify_all()

    def _answered(self, f: pb.Frame, ours: bool, batches: list[pa.RecordBatch], more: bool) -> None:
        e = self._find(f.seq, True)
        if not ours or e is None or e.head is not None:
            raise ProtocolError(f"an answer belongs to call {f.seq}, which does not wait for one")
        if not more:
            self._drop(f.seq, True)
        e.notify(head=f, batches=batches)

    # -- calls of the other side

    def _called(self, seq: int, ours: bool, c: pb.Call) -> None:
        if ours or seq == 0:
            raise ProtocolError(f"a call has number {seq}, which is not its caller's")
        m = Message(values=_read_json(c.params), batches=self._decode_all(c.batches), ports=list(c.ports))
        e = _Exchange(seq, self._window)
        with self._lock:
            if self.error is not None:
                return
            if seq <= self._last:
                raise ProtocolError(f"call {seq} comes after call {self._last}")
            if len(self._serving) >= MAX_CALLS:
                raise ProtocolError(f"more than {MAX_CALLS} calls at a time")
            self._last = seq
            self._serving[seq] = e
        submit(lambda: self._answer(e, c.target, c.method, c.more, m))

    def _answer(self, e: _Exchange, target: str, method: str, more: bool, m: Message) -> bool:
        """Answer one call, in its own thread; whether the thread may be used again."""
        error: BaseException | None = None
        _current.exchange = e
        try:
            if more:
                m.batches = self._collect(e)
            with e.author:
                m = self._handler(target, method, m)
            self._reply(e, m)
        except BaseException as caught:  # noqa: BLE001 - whatever it is, the call is answered
            error = caught
        try:
            e.author.leave()
        except Cancelled as caught:  # it arrived at the last moment
            error = error or caught
            e.author.leave()
        _current.exchange = None
        if error is not None and not e.replied:
            if _is_news(error):
                traceback.print_exception(type(error), error, error.__traceback__, file=sys.stderr)
                sys.stderr.flush()
            with contextlib.suppress(Error):  # the session may be over
                self.send(pb.Frame(seq=e.seq, fault=pb.Fault(diagnostics=diagnostics_of(error))))
        self._drop(e.seq, False)
        return not e.author.insisted

    def _reply(self, e: _Exchange, m: Message) -> None:
        """Send a result: whole, in pieces, or followed by rows."""
        head = pb.Result(values=_write_json(m.values))
        if m.outputs is not None:
            head.outputs.CopyFrom(m.outputs)
        f = pb.Frame(seq=e.seq, result=head)
        if m.rows is not None:
            f.result.more = True
            with e.author:
                rows = iter(m.rows())
            self.send(f)
            first = count = 0
            try:
                while True:
                    with e.author:
                        batch = next(rows, None)
                    if batch is None:
                        break
                    count += self._send_item(e, 0, batch, first)
                    first += batch.num_rows
            finally:
                close = getattr(rows, "close", None)
                if close is not None:
                    close()
            e.replied = True
            self.send(pb.Frame(seq=e.seq, end=pb.End(batches=count, rows=first)))
        elif (put := self._put_all(m.batches)) is not None:
            parts, encoded = put
            f.result.batches.extend(parts)
            e.replied = True
            self.send(f, zip(f.result.batches, encoded))
        else:
            f.result.more = True
            self.send(f)
            self._send_pieces(e, m.batches)
            e.replied = True

    def _send_pieces(self, e: _Exchange, batches: list[pa.RecordBatch]) -> None:
        count = rows = 0
        for i, b in enumerate(batches):
            count += self._send_item(e, i, b, 0)
            rows += b.num_rows
        self.send(pb.Frame(seq=e.seq, end=pb.End(batches=count, rows=rows)))

    def _send_item(self, e: _Exchange, index: int, batch: pa.RecordBatch, first: int) -> int:
        """Send a batch, cut by rows into pieces that fit; gives their number. first
        is the number of its first row, for messages."""
        n = batch.nbytes
        if n > PIECE_BYTES and batch.num_rows > 1:
            half = batch.num_rows // 2
            return (self._send_item(e, index, batch.slice(0, half), first)
                    + self._send_item(e, index, batch.slice(half), first + half))
        if n > self._frame_bytes:
            raise Error(f"row {first} takes {n} bytes, more than the {self._frame_bytes} of one frame", reason="too_large")
        encoded = Encoded(batch)
        e.wait(lambda: e.credit > 0)
        with e.wake:
            e.credit -= encoded.size
        f = pb.Frame(seq=e.seq, item=pb.Item(index=index, batch=self._put(encoded)))
        self.send(f, [(f.item.batch, encoded)])
        return 1

    def _cancel(self, e: _Exchange) -> None:
        e.author.cancel()
        with e.wake:
            e.cancelled = True
            e.wake.notify_all()
            children = list(e.children)
        for c in children:
            c.notify(cancelled=True)
        self._insist([e])

    def _insist(self, calls: list[_Exchange]) -> None:
        """Interrupt calls that do not notice by themselves."""
        def insist() -> None:
            for e in calls:
                e.author.insist()

        if calls:
            t = threading.Timer(GRACE, insist)
            t.daemon = True
            t.start()

    # -- our calls

    def call(self, target: str, method: str, values: Any = None, *batches: pa.RecordBatch,
             ports: Iterable[pb.Port] = ()) -> Message:
        """Ask the other side and wait for the answer."""
        with _ours():
            e, parent = self._begin(target, method, values, batches, ports)
            try:
                return self._await(e)
            except Cancelled:
                self._give_up(e)
                raise
            finally:
                self._ended(e, parent)

    def read(self, target: str, method: str = "read", values: Any = None) -> Iterator[pa.RecordBatch]:
        """Ask the other side for rows, which are fetched as they are taken."""
        with _ours():
            e, parent = self._begin(target, method, values, (), ())
        done = False
        try:
            with _ours():
                if not self._head(e).more:
                    raise ProtocolError(f"{method} gave a value where rows were due")
            while True:
                with _ours():
                    item = self._next_item(e)
                if item is None:
                    break
                yield item[0]
            done = True
        except Error:
            done = True
            raise
        finally:
            with _ours():
                if not done:
                    self._give_up(e)
                self._ended(e, parent)

    def _begin(self, target: str, method: str, values: Any, batches: Iterable[pa.RecordBatch],
               ports: Iterable[pb.Port]) -> tuple[_Exchange, _Exchange | None]:
        batches = list(batches)
        parent: _Exchange | None = getattr(_current, "exchange", None)
        put = self._put_all(batches)
        head = pb.Call(target=target, method=method, params=_write_json(values), more=put is None, ports=ports)
        parts, encoded = put or ([], [])
        with self._order:
            with self._lock:
                if self.error is not None:
                    raise self.error
                e = _Exchange(self._next, self._window)
                self._next += 2
                self._calls[e.seq] = e
            f = pb.Frame(seq=e.seq, call=head)
            f.call.batches.extend(parts)
            for b, x in zip(f.call.batches, encoded):
                self._number(f, b, x.schema)
            self._out.put(f)
        if parent is not None:
            with parent.wake:
                parent.children.add(e)
                e.cancelled = parent.cancelled
        if put is None:
            self._send_pieces(e, batches)
        return e, parent

    def _ended(self, e: _Exchange, parent: _Exchange | None) -> None:
        if parent is not None:
            with parent.wake:
                parent.children.discard(e)

    def _head(self, e: _Exchange) -> pb.Result:
        e.wait(lambda: e.head is not None)
        assert e.head is not None
        if e.head.WhichOneof("body") == "fault":
            raise error_of(e.head.fault.diagnostics)
        return e.head.result

    def _await(self, e: _Exchange) -> Message:
        r = self._head(e)
        batches = self._collect(e) if r.more else e.batches
        return Message(values=_read_json(r.values), batches=batches, outputs=r.outputs if r.HasField("outputs") else None)

    def _give_up(self, e: _Exchange) -> None:
        with e.wake:
            e.gone = True
            e.items.clear()
        try:
            self.send(pb.Frame(seq=e.seq, cancel=pb.Cancel()))
        except Error:
            pass

    def _next_item(self, e: _Exchange) -> tuple[pa.RecordBatch, int] | None:
        e.wait(lambda: bool(e.items) or e.over)
        with e.wake:
            if not e.items:
                if e.fault is not None:
                    raise e.fault
                return None
            batch, index, size = e.items.popleft()
            e.held -= size
            over = e.over
        if not over:
            self.send(pb.Frame(seq=e.seq, credit=pb.Credit(bytes=size)))
        return batch, index

    def _collect(self, e: _Exchange) -> list[pa.RecordBatch]:
        """Put the pieces of values together again."""
        pieces: dict[int, list[pa.RecordBatch]] = {}
        while (item := self._next_item(e)) is not None:
            pieces.setdefault(item[1], []).append(item[0])
        out = []
        for i in range(max(pieces, default=-1) + 1):
            if i not in pieces:
                raise ProtocolError("a value is missing")
            out.append(_join(pieces[i]))
        return out


def _wide(b: pa.RecordBatch) -> bool:
    """Whether a row may be larger than a frame; then pieces find it and name it."""
    return b.nbytes > FRAME_BYTES * max(b.num_rows // 2, 1)


def _join(pieces: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(pieces) == 1:
        return pieces[0]
    columns = [pa.concat_arrays([p.column(i) for p in pieces]) for i in range(pieces[0].num_columns)]
    return pa.RecordBatch.from_arrays(columns, schema=pieces[0].schema)


def _read_json(raw: bytes) -> Any:
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError as e:
        raise ProtocolError(f"parameters: {e}") from None


def _write_json(value: Any) -> bytes:
    if value is None:
        return b""
    return value if isinstance(value, bytes) else json.dumps(value, allow_nan=False, default=_plain).encode()


def _plain(value: Any) -> Any:
    """Numpy's numbers and arrays as what JSON knows."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")


MAX_TEXT = 8 << 10


def diagnostics_of(error: BaseException) -> list[pb.Diagnostic]:
    """An exception for the other side."""
    if isinstance(error, Error):
        listed = error.diagnostics
    elif isinstance(error, Cancelled):
        listed = [Diagnostic("interrupted", "the call was given up")]
    elif isinstance(error, MemoryError):
        listed = [Diagnostic("environment", "not enough memory")]
    else:
        text = str(error)
        name = type(error).__name__
        listed = [Diagnostic("plugin_fault", f"{name}: {text}" if text else name)]
    return [pb.Diagnostic(reason=d.reason, message=d.message[:MAX_TEXT], path=d.path, suggestion=d.suggestion[:MAX_TEXT],
                          file=d.file, line=d.line, column=d.column) for d in listed]


def error_of(diagnostics: Iterable[pb.Diagnostic]) -> Error:
    """What the other side reported."""
    return HostError.of(Diagnostic(d.reason, d.message, d.path, d.suggestion, d.file, d.line, d.column) for d in diagnostics)


def _is_news(error: BaseException) -> bool:
    """Whether a traceback helps: it is a mistake of the plugin, not an error that
    its author meant."""
    return not isinstance(error, (Error, Cancelled))
