"""Threads that answer calls, and a way to interrupt one of them.

Python can raise an exception in another thread, at whatever instruction that thread
is. So it is raised only while the thread is in code of the plugin's author, at most
once for a call, and a thread in which that happened is not used again.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from ..errors import Cancelled

__all__ = ["Interruptible", "submit"]

_queue: SimpleQueue[Callable[[], bool]] = SimpleQueue()
_idle = 0
_lock = threading.Lock()


def submit(task: Callable[[], bool]) -> None:
    """Run a task in a thread of its own: one that is idle, or a new one. A task that
    returns False wants its thread to end."""
    global _idle
    with _lock:
        if _idle > 0:
            _idle -= 1
            _queue.put(task)
            return
    threading.Thread(target=_run, args=([task],), daemon=True, name="call").start()


def _run(first: list[Callable[[], bool]]) -> None:
    global _idle
    # An idle thread holds on to nothing: a task has arguments in shared memory.
    task = first.pop()
    while task():
        del task
        with _lock:
            _idle += 1
        task = _queue.get()


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object() if error is None else ctypes.py_object(error))


class Interruptible:
    """Where a call is: in code of the author, where it may be interrupted, or in
    ours, where it may not. ``with author:`` is the former, and inside of it
    ``with author.ours():`` the latter."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._thread: int | None = None
        self.cancelled = False
        self.insisted = False  # the exception was raised: at most once

    def cancel(self) -> None:
        """Let code of the author not begin any more."""
        with self._guard:
            self.cancelled = True

    def insist(self) -> None:
        """Raise Cancelled in code of the author that goes on all the same."""
        with self._guard:
            if self._thread is not None and not self.insisted:
                self.insisted = True
                _raise_in(self._thread, Cancelled)

    def __enter__(self) -> "Interruptible":
        with self._guard:
            if self.cancelled:
                raise Cancelled()
            self._thread = threading.get_ident()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.leave()

    def leave(self) -> None:
        """Be out of the author's code. What was raised and has not arrived will not."""
        with self._guard:
            self._thread = None
            if self.insisted:
                _raise_in(threading.get_ident(), None)

    def ours(self) -> "_Ours":
        """Code of ours that the author's code calls."""
        return _Ours(self)


class _Ours:
    def __init__(self, call: Interruptible) -> None:
        self._call = call
        self._was: Any = None

    def __enter__(self) -> None:
        self._was = self._call._thread
        if self._was == threading.get_ident():
            self._call.leave()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._was == threading.get_ident():
            with self._call._guard:
                if self._call.cancelled and kind is None:
                    raise Cancelled()
                self._call._thread = self._was
