"""Shared memory, between the package and the double of the host."""

import fcntl
import gc
import mmap
import os
import secrets
import time

import numpy as np
import pytest

from pathline.errors import HostError, ProtocolError
from pathline.wire import batch as batches
from pathline.wire import memory
from pathline.wire import plugin_pb2 as pb
from pathline.wire.session import Message

from test_session import echo, numbers

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="this system has no sealed anonymous files")


class Segments:
    """Two segments as the host makes them, and its ends of them."""

    def __init__(self, size, seal=True):
        self.label = "pathline-" + secrets.token_hex(8)
        self.size = size
        self.fds = []
        for _ in range(2):
            fd = os.memfd_create(self.label, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            os.ftruncate(fd, size)
            if seal:
                fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
            self.fds.append(fd)

    def offer(self, **changes):
        names = [f"/proc/{os.getpid()}/fd/{fd}" for fd in self.fds]
        return pb.SharedMemory(**{"host_segment": names[0], "plugin_segment": names[1], "bytes": self.size, "label": self.label, **changes})

    def ends(self, urgent):
        ours, theirs = (mmap.mmap(fd, self.size) for fd in self.fds)
        self.sent, self.received = memory.Sent(ours, self.size), memory.Received(theirs, self.size, urgent)
        return self.sent, self.received

    def close(self):
        for fd in self.fds:
            os.close(fd)


def share(host, size):
    s = Segments(size)
    o = host.open("path", "echo", segments=s.ends, shared_memory=s.offer())
    s.close()
    assert "shm" in o.capabilities
    return o, s


@pytest.mark.parametrize("size", [1 << 20, 64 << 20])
def test_values_come_back_as_they_went_and_every_block_is_free_again(registry, host, size):
    where = []

    def answer(opening, method, m):
        where.append(opening.session._sent)
        return Message(batches=m.batches)

    echo(registry, answer)
    o, s = share(host, size)
    target, _ = o.service()
    for n in (0, 1, 1000, 40_000, 600_000, 2_000_000) * 3:
        assert o.call(target, "echo", None, numbers(n), numbers(3)).batches[0].equals(numbers(n))
    assert s.sent._places.generation >= 3 and where[0]._places.generation >= 3
    gc.collect()
    for _ in range(3):  # the next frames carry what was released last
        o.call(target, "echo")
    assert s.sent.held() == 0 and where[0].held() == 0



def test_what_is_held_stays_as_it_is(registry, host):
    def rows():
        for i in range(60):
            yield batches.make(x=np.full(50_000, float(i)))

    echo(registry, lambda opening, method, m: Message(rows=rows))
    o, s = share(host, 8 << 20)
    target, _ = o.service()
    kept = []
    for i, b in enumerate(o.session.read(target)):
        kept.append(batches.column(b, "x"))
        if len(kept) == 5:
            for k, x in enumerate(kept):
                assert (x == i - 4 + k).all()
            kept.clear()
    assert i == 59


def test_a_quarter_that_waits_is_told_without_another_frame(registry, host):
    kept = []

    def keep(opening, method, m):
        kept.extend(m.batches)
        return Message()

    echo(registry, keep)
    o, s = share(host, 4 << 20)
    target, _ = o.service()
    o.call(target, "take", None, numbers(250_000))  # 2 MB, more than a quarter
    assert s.sent.held() == 1
    kept.clear()  # no frame of the plugin is on its way
    limit = time.monotonic() + 5
    while s.sent.held() and time.monotonic() < limit:
        time.sleep(0.01)
    assert s.sent.held() == 0


def test_nothing_stays_mapped(registry, host):
    def mapped():
        gc.collect()
        with open("/proc/self/maps") as f:
            return f.read().count("memfd:pathline")

    before = mapped()
    echo(registry, lambda opening, method, m: Message(batches=m.batches))
    o, s = share(host, 8 << 20)
    target, _ = o.service()
    o.call(target, "echo", None, numbers(100_000))
    assert mapped() > before
    o.close()
    del s.sent, s.received
    o.session._sent = o.session._received = None
    limit = time.monotonic() + 5
    while mapped() > before and time.monotonic() < limit:
        time.sleep(0.05)
    assert mapped() == before


@pytest.mark.parametrize("changes", [{"label": ""}, {"label": "pathline-other"}, {"bytes": 1 << 21}, {"bytes": 0}, {"host_segment": "/dev/null"},
                                     {"plugin_segment": "/nowhere"}, "not sealed"])
def test_what_cannot_be_opened_is_not_used(registry, host, changes):
    echo(registry, lambda opening, method, m: Message(batches=m.batches))
    s = Segments(1 << 20, seal=changes != "not sealed")
    o = host.open("path", "echo", shared_memory=s.offer(**(changes if isinstance(changes, dict) else {})))
    s.close()
    assert "shm" not in o.capabilities
    target, _ = o.service()
    assert o.call(target, "echo", None, numbers(100_000)).batches[0].equals(numbers(100_000))


def test_blocks_outside_of_the_segment_and_twice_are_refused():
    received = memory.Received(mmap.mmap(-1, 1 << 16), 1 << 16, lambda: None)
    for at, length, generation in ((1, 10, 1), (1 << 16, 1, 1), (0, (1 << 16) + 1, 1), (64, 1 << 63, 1), (1 << 63, 64, 1), (0, 64, 0)):
        with pytest.raises(ProtocolError):
            received.read(pb.Block(offset=at, length=length, generation=generation))
    kept = received.read(pb.Block(offset=64, length=64, generation=5))
    with pytest.raises(ProtocolError, match="twice"):
        received.read(pb.Block(offset=128, length=64, generation=5))
    assert received.take() == []
    del kept
    assert received.take() == [5]
    sent = memory.Sent(mmap.mmap(-1, 1 << 16), 1 << 16)
    block, _ = sent.place(100)
    sent.released([block.generation])
    with pytest.raises(ProtocolError, match="was not sent"):
        sent.released([block.generation])


def test_a_row_that_no_frame_can_hold_is_refused_with_shared_memory_too(registry, host):
    echo(registry, lambda opening, method, m: Message(batches=[batches.make(x=np.zeros((1, 65 << 20), np.uint8))]))
    o, s = share(host, 256 << 20)
    target, _ = o.service()
    with pytest.raises(HostError, match="row 0 takes") as e:
        o.call(target, "echo")
    assert e.value.diagnostics[0].reason == "too_large"
