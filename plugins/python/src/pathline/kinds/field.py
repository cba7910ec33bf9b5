"""A vector field of the host: an ordinary function for the author's code."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import Error, ProtocolError
from ..wire import batch as batches
from ..wire.session import Session

__all__ = ["HostField"]


class HostField:
    """``v = field(t, x)``: the right-hand side that a solver integrates.

    x is [rows, dim]; t is a number or [rows]. A subset of the rows is evaluated
    with ``field(t, x[rows], rows)``, where rows are their places in the state.
    Where the host integrates something along (the divergence, for a density) the
    state has further columns, and so has v: arithmetic on whole rows treats them
    as it must, and ``field.dim`` is the number of coordinates.
    """

    def __init__(self, session: Session, target: str, *, dim: int, dtype: Any = np.float32, quads: int = 0, first: int = 0,
                 rows: int = 0) -> None:
        self.dim = dim
        self.quads = quads
        self.evaluations = np.zeros(rows, np.int32)
        self._session = session
        self._target = target
        self._dtype = np.dtype(dtype)
        self._ids = np.arange(first, first + rows, dtype=np.int64)

    def __call__(self, t: Any, x: Any, rows: Any = None) -> np.ndarray:
        x = np.asarray(x)
        n = len(x)
        if x.ndim != 2 or x.shape[1] != self.dim + self.quads:
            raise Error(f"field(t, x) got x of shape {list(x.shape)}, not [rows, {self.dim + self.quads}]")
        t = np.broadcast_to(np.asarray(t, np.float64), (n,))
        columns = {"t": t, "x": x[:, :self.dim].astype(self._dtype, copy=False)}
        if n == 0:
            return np.zeros_like(x)
        if rows is None and len(self.evaluations) == n:
            self.evaluations += 1
        elif rows is not None:
            self.evaluations[rows] += 1
        if not self.quads:
            return self._column(self._ask("eval", columns), "v", (n, self.dim))
        if rows is None and n != len(self._ids):
            raise Error("field(t, x) got some of the rows: say which, as field(t, x[rows], rows)")
        columns["id"] = self._ids if rows is None else self._ids[rows]
        b = self._ask("eval_quad", columns)
        return np.concatenate([self._column(b, "v", (n, self.dim)), self._column(b, "dq", (n, self.quads))], axis=1, dtype=np.float64)

    def _ask(self, method: str, columns: dict[str, np.ndarray], values: Any = None) -> Any:
        out = self._session.call(self._target, method, values, batches.make(**columns)).batches
        if len(out) != 1:
            raise ProtocolError(f"{len(out)} batches came where 1 is due")
        return out[0]

    def _column(self, b: Any, name: str, shape: tuple[int, ...]) -> np.ndarray:
        a = batches.column(b, name)
        if a.shape != shape:
            raise ProtocolError(f"{name} has shape {list(a.shape)}, not {list(shape)}")
        return a

    def divergence(self, t: Any, x: Any, probe: Any = None) -> tuple[np.ndarray, np.ndarray]:
        """v and its divergence with respect to x, [rows]; with probes [k, rows, dim]
        the k products probe' (dv/dx) probe, [rows, k]."""
        x = np.asarray(x, self._dtype)
        n = len(x)
        columns = {"t": np.broadcast_to(np.asarray(t, np.float64), (n,)), "x": x}
        k = 0 if probe is None else len(probe)
        for i in range(k):
            columns[f"probe{i}"] = np.asarray(probe[i], self._dtype)
        b = self._ask("divergence", columns, {"probes": k})
        div = self._column(b, "div", (n, max(k, 1)))
        return self._column(b, "v", (n, self.dim)), div if k else div[:, 0]
