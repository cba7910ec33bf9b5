"""Sessions, over a real gRPC connection."""

import threading
import time

import numpy as np
import pyarrow as pa
import pytest

import pathline
from pathline.errors import HostError, ProtocolError
from pathline.kinds.stage import Kind, Service
from pathline.registry import register
from pathline.wire import batch as batches
from pathline.wire import plugin_pb2 as pb
from pathline.wire.session import Message, Session


class EchoService(Service):
    kind = "path"

    def call(self, method, m):
        return self.instance.call(self.opening, method, m)


ECHO = Kind("path", EchoService, "call")


def echo(registry, answer):
    @register(ECHO, "echo", registry=registry)
    class Echo:
        def call(self, opening, method, m):
            return answer(opening, method, m)


def numbers(n):
    return batches.make(x=np.arange(n, dtype=np.float64))


def test_values_of_any_size_come_back_as_they_went_however_many_calls_are_under_way(registry, host):
    echo(registry, lambda opening, method, m: Message(values=m.values, batches=m.batches))
    o = host.open("path", "echo")
    target, _ = o.service()
    wrong = []

    def ask(n):
        out = o.call(target, "echo", {"n": n}, numbers(n), numbers(3))
        if out.values != {"n": n} or len(out.batches) != 2 or not out.batches[0].equals(numbers(n)) or not out.batches[1].equals(numbers(3)):
            wrong.append(n)

    threads = [threading.Thread(target=ask, args=(n,)) for n in (0, 1, 1000, 600_000, 2_000_000, 5, 50_000)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(30)
        assert not t.is_alive()
    assert not wrong


def test_calls_call_back_and_are_called_back(registry, host):
    def down(opening, method, m):
        n = m.values["n"]
        if n == 0:
            return Message(values="bottom")
        return Message(values=opening.session.call("host", "dig", {"n": n - 1}).values)

    echo(registry, down)
    o = host.open("path", "echo")
    target, _ = o.service()
    o.objects["host"] = lambda method, m: Message(values=o.call(target, method, {"n": m.values["n"] - 1}).values if m.values["n"] else "bottom")
    for n in (0, 1, 8, 31):
        assert o.call(target, "dig", {"n": n}).values == "bottom"


def test_rows_are_read_under_credit_and_a_reader_may_leave(registry, host):
    sent = []

    def rows():
        try:
            for i in range(1000):
                sent.append(i)
                yield numbers(5000)
        finally:
            sent.append("closed")

    echo(registry, lambda opening, method, m: Message(rows=rows))
    o = host.open("path", "echo", window_bytes=1 << 20)
    target, _ = o.service()
    for i, b in enumerate(o.session.read(target)):
        assert b.num_rows == 5000
        if i == 4:
            time.sleep(0.1)
            assert len(sent) < 40, "the window of 1 MiB is about 26 batches"
            break
    assert sum(b.num_rows for b in o.session.read(target)) == 5_000_000


def test_errors_keep_what_users_read(registry, host, capfd):
    def fail(opening, method, m):
        if method == "own":
            raise pathline.Error("too much", reason="out_of_range", path="columns[2]", suggestion="take less")
        if method == "passed on":
            return opening.session.call("host", "fails")
        raise ZeroDivisionError("of the author")

    echo(registry, fail)
    o = host.open("path", "echo")
    target, _ = o.service()

    def refuse(method, m):
        raise pathline.ConfigError("a.b", "no", "yes")

    o.objects["host"] = refuse
    for method, want in (("own", ("out_of_range", "too much", "columns[2]", "take less")), ("passed on", ("out_of_range", "no", "a.b", "yes")),
                         ("mistake", ("plugin_fault", "ZeroDivisionError: of the author", "", ""))):
        with pytest.raises(HostError) as e:
            o.call(target, method)
        [d] = e.value.diagnostics
        assert (d.reason, d.message, d.path, d.suggestion) == want
    text = capfd.readouterr().err
    assert text.count("Traceback") == 1 and "ZeroDivisionError: of the author" in text
    # The session lives on.
    with pytest.raises(HostError, match="too much"):
        o.call(target, "own")


@pytest.mark.parametrize("how", ["in Python", "in the host", "swallows"])
def test_cancel_ends_a_call_within_a_second(registry, host, how):
    started, ended = threading.Event(), threading.Event()

    def work(opening, method, m):
        started.set()
        try:
            if how == "in the host":
                opening.session.call("host", "waits")
            while True:
                try:
                    time.sleep(0.01)
                except Exception:
                    assert how == "swallows"
        finally:
            ended.set()

    echo(registry, work)
    o = host.open("path", "echo")
    target, _ = o.service()
    release = threading.Event()
    o.objects["host"] = lambda method, m: Message(values=release.wait(10))
    e, parent = o.session._begin(target, "work", None, (), ())
    assert started.wait(5)
    at = time.monotonic()
    o.session._give_up(e)
    assert ended.wait(5) and time.monotonic() - at < 1
    release.set()
    with o.session._idle:
        pass
    # The call is answered all the same.
    e.wait(lambda: e.head is not None)
    assert e.head.fault.diagnostics[0].reason == "interrupted"


def test_close_ends_calls_that_are_under_way_and_the_instance(registry, host):
    closed = threading.Event()

    @register(ECHO, "slow", registry=registry)
    class Slow:
        def call(self, opening, method, m):
            opening.session.call("host", "waits")

        def close(self):
            closed.set()

    o = host.open("path", "slow")
    target, _ = o.service()
    stop = threading.Event()
    o.objects["host"] = lambda method, m: Message(values=stop.wait(10))
    o.session._begin(target, "x", None, (), ())
    o.close()
    assert closed.wait(3)
    stop.set()


def test_heartbeats_come_while_a_call_works(registry, host):
    done = threading.Event()
    echo(registry, lambda opening, method, m: Message(values=done.wait(10)))
    o = host.open("path", "echo", heartbeat_ms=10)
    target, _ = o.service()
    o.session._begin(target, "x", None, (), ())
    limit = time.monotonic() + 5
    while o.beats < 5 and time.monotonic() < limit:
        time.sleep(0.01)
    done.set()
    assert o.beats >= 5


def result(seq, more=False):
    return pb.Frame(seq=seq, result=pb.Result(more=more))


def item(seq, schema=None, index=0, payload=None):
    b = numbers(10)
    f = pb.Frame(seq=seq, item=pb.Item(index=index, batch=pb.Batch(schema=1, payload=payload or batches.Encoded(b).bytes())))
    if schema:
        from pathline.wire import schema as schemas

        p = schemas.to_proto(b.schema)
        p.id = schema
        f.schemas.append(p)
    return f


def end(seq, n, rows):
    return pb.Frame(seq=seq, end=pb.End(batches=n, rows=rows))


BROKEN = {
    "no body": [pb.Frame(seq=1)],
    "result for nobody": [result(4)],
    "result twice": [result(2, True), result(2)],
    "result of our own number": [result(1)],
    "end before result": [end(2, 0, 0)],
    "wrong end": [result(2, True), item(2, 1), end(2, 1, 11)],
    "end twice": [result(2, True), end(2, 0, 0), end(2, 0, 0)],
    "item after end": [result(2, True), end(2, 0, 0), item(2, 1)],
    "unknown schema": [result(2, True), item(2)],
    "schema out of order": [result(2, True), item(2, 2)],
    "broken payload": [result(2, True), item(2, 1, payload=b"\xff\xff\xff\xff1234")],
    "more than credit": [result(2, True), item(2, 1, payload=batches.Encoded(numbers(200_000)).bytes()), item(2, payload=batches.Encoded(numbers(10)).bytes())],
    "call with our number": [pb.Frame(seq=2, call=pb.Call())],
    "call number falls": [pb.Frame(seq=3, call=pb.Call()), pb.Frame(seq=1, call=pb.Call())],
    "open in the middle": [pb.Frame(open=pb.Open())],
    "item of no call": [item(8, 1)],
    "huge index": [result(2, True), item(2, 1, index=1 << 30)],
    "a block without shared memory": [result(2, True), pb.Frame(seq=2, item=pb.Item(batch=pb.Batch(schema=1, block=pb.Block(length=1, generation=1))), schemas=item(2, 1).schemas)],
    "released without shared memory": [pb.Frame(released=[1])],
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_host_that_breaks_the_protocol_is_told_so(name):
    s = Session(lambda target, method, m: Message(), window=1 << 20)
    s._begin("x", "read", None, (), ())
    with pytest.raises(ProtocolError):
        for f in BROKEN[name]:
            s.take(f)


def test_random_frames_never_hang_and_raise_only_protocol_errors():
    random = np.random.default_rng(9)
    frames = [f for fs in BROKEN.values() for f in fs] + [pb.Frame(seq=2, credit=pb.Credit(bytes=1 << 63)), pb.Frame(seq=3, cancel=pb.Cancel()),
                                                          pb.Frame(seq=2, fault=pb.Fault()), pb.Frame(close=pb.Close())]
    for _ in range(200):
        s = Session(lambda target, method, m: Message(batches=m.batches), window=1 << 20)
        s._begin("x", "read", None, (), ())
        try:
            for _ in range(20):
                raw = bytearray(frames[random.integers(len(frames))].SerializeToString())
                for _ in range(random.integers(3)):
                    if raw:
                        raw[random.integers(len(raw))] ^= 1 << random.integers(8)
                try:
                    f = pb.Frame.FromString(bytes(raw))
                except Exception:
                    continue
                s.take(f)
        except ProtocolError:
            pass
        s.fail(ProtocolError("over"))
        s.finish(5)
        assert not s._serving


def test_interrupts_never_reach_another_call(registry, host, monkeypatch):
    """Calls are given up around the moment at which they end anyway: whatever
    happens, every later call is answered, and by itself."""
    from pathline.wire import session as sessions

    monkeypatch.setattr(sessions, "GRACE", 0.002)

    def work(opening, method, m):
        limit = time.perf_counter() + m.values
        n = 0
        while time.perf_counter() < limit:
            n += 1
            if n % 50 == 0:
                opening.session.call("host", "ping")
        return Message(values=m.values)

    echo(registry, work)
    o = host.open("path", "echo")
    target, _ = o.service()
    o.objects["host"] = lambda method, m: Message()
    random = np.random.default_rng(0)
    for _ in range(150):
        e, _ = o.session._begin(target, "work", float(random.uniform(0, 0.006)), (), ())
        time.sleep(random.uniform(0, 0.003))
        o.session._give_up(e)
        for _ in range(2):
            assert o.call(target, "work", 0.0005).values == 0.0005
    assert o.error is None
