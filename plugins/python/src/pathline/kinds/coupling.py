"""Couplings: which noise row goes with which data row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import Error
from ..registry import C, Registry, register
from ..wire import batch as batches
from ..wire.session import Message
from .stage import Kind, Service, array, no_method, one_batch

__all__ = ["coupling", "pair_of"]


def pair_of(instance: Any, x0: np.ndarray, x1: np.ndarray) -> np.ndarray:
    """The pairing of a coupling, checked to be a permutation."""
    rows = len(x1)
    index = array(instance.pair(x0, x1), (rows,), np.int32, "pair()")
    outside = (index < 0) | (index >= rows)
    if outside.any():
        at = int(np.argmax(outside))
        raise Error(f"pair() gives row {at} of x1 the row {index[at]} of x0, which has {rows}", reason="out_of_range")
    seen = np.bincount(index, minlength=rows)
    if (seen != 1).any():
        raise Error(f"pair() is no permutation: it uses row {int(np.argmax(seen > 1))} of x0 {int(seen.max())} times",
                    reason="out_of_range")
    return index


class CouplingStage(Service):
    """Answers for a coupling."""

    kind = "coupling"

    def call(self, method: str, m: Message) -> Message:
        if method != "pair":
            raise no_method("coupling", method)
        b = one_batch(m)
        index = pair_of(self.instance, batches.column(b, "x0"), batches.column(b, "x1"))
        return Message(batches=[batches.make(index=index)])


KIND = Kind("coupling", CouplingStage, "pair")


def coupling(name: str, *, version: str = "", example: str = "", stateless: bool = True,
         registry: Registry | None = None) -> Callable[[C], C]:
    """A coupling of noise and data.

    The class has ``pair(self, x0, x1)``, which gets two [rows, dim] arrays and
    gives, for every row of x1, the number of the row of x0 that goes with it: a
    permutation. The result is a function of the arguments alone.

    Give ``stateless=False`` when an answer depends on the calls before: else the
    host starts a process that died again, once, and repeats the call.
    """
    return register(KIND, name, version=version, example=example, stateless=stateless, registry=registry)
