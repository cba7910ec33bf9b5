"""Shared memory: two segments that the host made, one for what each side sends."""

from __future__ import annotations

import bisect
import mmap
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable

import pyarrow as pa

from ..errors import ProtocolError
from . import plugin_pb2 as pb

__all__ = ["Allocator", "Received", "Sent", "open_segments"]

ALIGNMENT = 4096  # of blocks: pages are not shared between two writers
# For tests: blocks are overwritten as soon as they are free, so that whoever reads
# them longer is found out.
_POISON = os.environ.get("PATHLINE_SHARED_MEMORY") == "test"


class Allocator:
    """Places in a segment, first fit. Not safe for concurrent use."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.free: list[tuple[int, int]] = [(0, size)]  # by place, never adjacent
        self.used: dict[int, tuple[int, int]] = {}  # by generation
        self.generation = 0

    def take(self, length: int) -> tuple[int, int] | None:
        """A block of at least length bytes, as place and generation, or None."""
        need = max(length + ALIGNMENT - 1, ALIGNMENT) // ALIGNMENT * ALIGNMENT
        for i, (at, room) in enumerate(self.free):
            if room >= need:
                if room == need:
                    del self.free[i]
                else:
                    self.free[i] = (at + need, room - need)
                self.generation += 1
                self.used[self.generation] = (at, need)
                return at, self.generation
        return None

    def give(self, generation: int) -> bool:
        """Free a block; False when there is none of this generation."""
        block = self.used.pop(generation, None)
        if block is None:
            return False
        i = bisect.bisect(self.free, block)
        at, room = block
        if i < len(self.free) and at + room == self.free[i][0]:
            room += self.free.pop(i)[1]
        if i > 0 and sum(self.free[i - 1]) == at:
            at, room = self.free[i - 1][0], self.free[i - 1][1] + room
            del self.free[i - 1]
            i -= 1
        self.free.insert(i, (at, room))
        return True


class Sent:
    """The segment that this side writes."""

    def __init__(self, memory: mmap.mmap, size: int) -> None:
        self.size = size
        self._view = memoryview(memory)
        self._lock = threading.Lock()
        self._places = Allocator(size)

    def place(self, length: int) -> tuple[pb.Block, memoryview] | None:
        """A block and where to write it, or None when there is no room."""
        with self._lock:
            got = self._places.take(length)
        if got is None:
            return None
        at, generation = got
        return pb.Block(offset=at, length=length, generation=generation), self._view[at:at + length]

    def released(self, generations: list[int]) -> None:
        """The other side has read these blocks."""
        with self._lock:
            for g in generations:
                at = self._places.used.get(g)
                if at is not None and _POISON:
                    self._view[at[0]:sum(at)] = b"\xa5" * at[1]
                if not self._places.give(g):
                    raise ProtocolError(f"block {g} is released and was not sent")

    def held(self) -> int:
        """How many blocks are with the other side."""
        with self._lock:
            return len(self._places.used)


class Received:
    """The segment that the other side writes. A block is given back when the last
    thing that refers to its memory is gone."""

    def __init__(self, memory: mmap.mmap, size: int, urgent: Callable[[], None]) -> None:
        self._view = memoryview(memory)
        self._size = size
        self._urgent = urgent
        self._live: dict[int, weakref.ref[memoryview]] = {}
        self._done: deque[tuple[int, int]] = deque()  # generations and bytes to give back
        self._waiting = 0

    def read(self, block: pb.Block) -> pa.Buffer:
        """The bytes of a block, in place."""
        at, length, generation = block.offset, block.length, block.generation
        if at % 64 or at > self._size or length > self._size - at:
            raise ProtocolError(f"a block of {length} bytes at {at} lies outside of a segment of {self._size}")
        if generation in self._live or generation == 0:
            raise ProtocolError(f"block {generation} comes twice")
        part = self._view[at:at + length]

        # Runs wherever the last reference goes, also in the middle of something
        # that holds a lock: it takes none itself.
        def gone(_: object, live: dict[int, weakref.ref[memoryview]] = self._live) -> None:
            live.pop(generation, None)
            self.give(generation, length)

        self._live[generation] = weakref.ref(part, gone)
        return pa.py_buffer(part)

    def give(self, generation: int, length: int) -> None:
        """A block was read, or will not be."""
        self._done.append((generation, length))
        self._waiting += length
        if self._waiting > self._size // 4:
            self._urgent()

    def take(self) -> list[int]:
        """The generations to say in the next frame."""
        out = []
        while self._done:
            generation, length = self._done.popleft()
            self._waiting -= length
            out.append(generation)
        return out


def open_segments(shared: pb.SharedMemory, urgent: Callable[[], None]) -> tuple[Sent, Received] | None:
    """Map both segments, or None where that cannot be done: another computer,
    another name space, another platform. Payloads are inline then."""
    try:
        ours = _map(shared.plugin_segment, shared.bytes, shared.label, True)
        theirs = _map(shared.host_segment, shared.bytes, shared.label, False)
    except (ImportError, OSError, ValueError, AttributeError, OverflowError):
        return None
    return Sent(ours, shared.bytes), Received(theirs, shared.bytes, urgent)


def _map(name: str, size: int, label: str, write: bool) -> mmap.mmap:
    import fcntl  # not on every platform

    # A file of another process may be called the same here and be something else.
    if not label or os.readlink(name) != f"/memfd:{label} (deleted)":
        raise OSError(f"{name} is another file")
    fd = os.open(name, (os.O_RDWR if write else os.O_RDONLY) | os.O_CLOEXEC)
    try:
        # A file that could shrink would make reading it a fault.
        sealed = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
        if fcntl.fcntl(fd, fcntl.F_GET_SEALS) & sealed != sealed or size < 1 or os.fstat(fd).st_size != size:
            raise OSError(f"{name} is not the sealed file of {size} bytes that it should be")
        return mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE if write else mmap.PROT_READ)
    finally:
        os.close(fd)
