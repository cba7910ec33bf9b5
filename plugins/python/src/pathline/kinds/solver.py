"""Solvers: dx/dt = v(t, x) from t0 to t1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ConfigError, Error
from ..registry import C, Registry, register
from ..wire import batch as batches
from ..wire.session import Message
from .field import HostField
from .stage import Kind, Opening, Service, array, no_method, one_batch

__all__ = ["OK", "MAX_EVALUATIONS", "NON_FINITE", "STEP_UNDERFLOW", "Solution", "Tableau", "solver"]

OK, MAX_EVALUATIONS, STEP_UNDERFLOW, NON_FINITE, CANCELLED = range(5)


@dataclass
class Tableau:
    """An explicit Runge-Kutta method (Butcher 1964)::

        k_i = v(t + c_i h, x + h sum_j a_ij k_j),   j < i
        x(t + h) = x + h sum_i b_i k_i,   error = h sum_i b_err_i k_i

    ``a`` has a row for every stage, of the coefficients before it (rows of the
    full square are taken too); ``b_err`` is b minus the embedded weights.
    """

    c: Sequence[float]
    a: Sequence[Sequence[float]]
    b: Sequence[float]
    order: int
    b_err: Sequence[float] | None = None
    embedded_order: int = 0
    name: str = ""

    def checked(self) -> "Tableau":
        """The tableau in plain numbers; what is wrong is an Error."""
        c, b = [float(x) for x in self.c], [float(x) for x in self.b]
        s = len(c)
        if s == 0 or len(b) != s or len(self.a) != s:
            raise Error(f"the tableau has {s} nodes, {len(self.a)} rows of a and {len(b)} weights")
        a = []
        for i, row in enumerate(self.a):
            row = [float(x) for x in row]
            if len(row) < i or any(row[i:]):
                raise Error(f"row {i} of a has {len(row)} coefficients, not {i}: the method is not explicit")
            if abs(sum(row[:i]) - c[i]) > 1e-9:
                raise Error(f"row {i} of a sums to {sum(row[:i]):g}, not to its node {c[i]:g}")
            a.append(row[:i])
        if abs(sum(b) - 1) > 1e-9:
            raise Error(f"the weights b sum to {sum(b):g}, not to 1")
        b_err = None
        if self.b_err is not None:
            b_err = [float(x) for x in self.b_err]
            if len(b_err) != s or abs(sum(b_err)) > 1e-9:
                raise Error(f"the error weights are {len(b_err)} and sum to {sum(b_err):g}, not {s} that sum to 0")
        return Tableau(c, a, b, int(self.order), b_err, int(self.embedded_order), self.name)

    def facts(self) -> dict[str, Any]:
        """As the protocol has it."""
        t = self.checked()
        out = {"name": t.name, "order": t.order, "c": t.c, "a": t.a, "b": t.b}
        if t.b_err is not None:
            out |= {"b_err": t.b_err, "embedded_order": t.embedded_order or max(t.order - 1, 1)}
        return out


@dataclass
class Solution:
    """What a solve gives: x and, row by row, how it ended (0 ok, 1 too many
    evaluations, 2 step underflow, 3 non-finite). What is left out is counted by
    the field, or found from x."""

    x: Any
    status: Any = None
    evaluations: Any = None
    accepted: Any = 0
    rejected: Any = 0


# Keys of a configuration that are options of a Runge-Kutta method where the host
# runs it.
OPTIONS = ("steps", "time_grid", "rtol", "atol", "control", "max_step", "max_steps", "max_evaluations")


def tableau_facts(instance: Any, use: str) -> dict[str, Any]:
    """Tableau and options of a solver that is one."""
    t = instance.tableau()
    if isinstance(t, dict):
        t = Tableau(**t)
    if not isinstance(t, Tableau):
        raise Error(f"tableau() gave a {type(t).__name__}, not a pathline.Tableau")
    t.name = t.name or use
    options = {k: v for k in OPTIONS if (v := getattr(instance, k, None)) is not None}
    facts = t.facts()
    if "b_err" in facts and not (options.get("rtol") or options.get("atol")):
        if "steps" not in options and "time_grid" not in options:
            raise ConfigError("rtol", "a method with error weights needs rtol or atol, or steps")
    return {"tableau": facts, "options": options}


def solve_of(instance: Any, field: Callable[..., np.ndarray], x: np.ndarray, t0: float, t1: float) -> Solution:
    """A solve, with what it gives checked."""
    got = instance.solve(field, x, t0, t1)
    s = got if isinstance(got, Solution) else Solution(got)
    s.x = array(s.x, x.shape, x.dtype, "x of solve()")
    return s


class SolverStage(Service):
    """Answers for a solver."""

    kind = "solver"

    def __init__(self, instance: Any, opening: Opening) -> None:
        super().__init__(instance, opening)
        self._facts = {} if hasattr(instance, "solve") else tableau_facts(instance, opening.use)

    def facts(self) -> dict[str, Any]:
        return self._facts

    def called(self) -> bool:
        return not self._facts

    def call(self, method: str, m: Message) -> Message:
        if method != "solve":
            raise no_method("solver", method)
        p, b = m.values, one_batch(m)
        rows, dim, quads = b.num_rows, p["dim"], p.get("quads", 0)
        x = batches.column(b, "x")
        field = HostField(self.opening.session, p["field"], dim=dim, dtype=x.dtype, quads=quads, first=p.get("first", 0), rows=rows)
        # With integrals the state is wider than x; see HostField.
        y = np.concatenate([x, batches.column(b, "q")], axis=1, dtype=np.float64) if quads else x.copy()
        start = y.copy()
        s = Solution(y, evaluations=0) if p["t0"] == p["t1"] else solve_of(self.instance, field, y, p["t0"], p["t1"])
        y = np.array(s.x)
        finite = np.isfinite(y).all(axis=1)
        y[~finite] = start[~finite]  # a row that left the numbers keeps a state that it had
        status = array(s.status, (rows,), np.uint8, "status of solve()") if s.status is not None else np.where(finite, OK, NON_FINITE).astype(np.uint8)
        out = {"x": y[:, :dim].astype(x.dtype, copy=False), "status": status,
               "evaluations": array(field.evaluations if s.evaluations is None else s.evaluations, (rows,), np.int32, "evaluations of solve()"),
               "accepted": array(s.accepted, (rows,), np.int32, "accepted of solve()"),
               "rejected": array(s.rejected, (rows,), np.int32, "rejected of solve()")}
        if quads:
            out["q"] = y[:, dim:]
        return Message(batches=[batches.make(**out)])


KIND = Kind("solver", SolverStage, "tableau | solve", lambda cls: [] if hasattr(cls, "solve") else ["tableau"])


def solver(name: str, *, version: str = "", example: str = "", stateless: bool = True,
         registry: Registry | None = None) -> Callable[[C], C]:
    """A solver of dx/dt = v(t, x).

    The class has ``tableau(self)``, which gives a :class:`Tableau`: the host runs
    it at its own speed, with the configuration's ``steps`` or ``time_grid``, or
    ``rtol`` and ``atol``. Or it has ``solve(self, field, x, t0, t1)``, which calls
    ``v = field(t, x)`` as often as it wants and gives x at t1, or a
    :class:`Solution`. t may be a number or one for each row; the field is never
    evaluated outside of [t0, t1].

    Give ``stateless=False`` when an answer depends on the calls before: else the
    host starts a process that died again, once, and repeats the call.
    """
    return register(KIND, name, version=version, example=example, stateless=stateless, registry=registry)
