"""Runge-Kutta methods for solvers that the host sends as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import Error
from .solver import MAX_EVALUATIONS, NON_FINITE, OK, STEP_UNDERFLOW, Solution, Tableau

__all__ = ["solve"]

# Options of the host's solvers that change how a solve ends or counts, and that are
# not known here.
UNKNOWN = ("overshoot", "controller", "max_steps", "max_time")


def solve(m: Tableau, options: Mapping[str, Any], field: Callable[[Any, np.ndarray], np.ndarray], x: np.ndarray,
          t0: float, t1: float) -> Solution:
    """Move x along the field: equal steps, the steps of a grid, or steps whose
    estimated error stays within rtol and atol (one step for all rows)."""
    for key in UNKNOWN:
        if options.get(key):
            raise Error(f"the solver has the option {key}, which a stage in Python does not know; leave it out")
    x = np.array(x, copy=True)
    if options.get("rtol") or options.get("atol"):
        if m.b_err is not None:
            return _adaptive(m, options, field, x, t0, t1)
    if options.get("time_grid"):
        inner = [t for t in options["time_grid"] if min(t0, t1) < t < max(t0, t1)]
        grid = np.array([t0, *(inner if t1 > t0 else inner[::-1]), t1])
    else:
        grid = np.linspace(t0, t1, (options.get("steps") or 100) + 1)
    for a, b in zip(grid[:-1], grid[1:]):
        x, _ = _step(m, field, x, float(a), float(b))
    steps = len(grid) - 1
    return _report(x, np.full(len(x), OK, np.uint8), steps * len(m.c), steps, 0)


def _step(m: Tableau, field: Callable[[Any, np.ndarray], np.ndarray], x: np.ndarray, a: float, b: float) -> tuple[np.ndarray, np.ndarray | None]:
    h = b - a
    k: list[np.ndarray] = []
    for c, row in zip(m.c, m.a):
        y = x
        for coefficient, ki in zip(row, k):
            if coefficient:
                y = y + (h * coefficient) * ki
        k.append(np.asarray(field(b if c == 1 else a + c * h, y.astype(x.dtype, copy=False))))
    out, error = x, None
    for weight, ki in zip(m.b, k):
        if weight:
            out = out + (h * weight) * ki
    if m.b_err is not None:
        error = np.asarray(sum((h * e) * ki for e, ki in zip(m.b_err, k) if e))
    return out.astype(x.dtype, copy=False), error


def _adaptive(m: Tableau, options: Mapping[str, Any], field: Callable[[Any, np.ndarray], np.ndarray], x: np.ndarray,
              t0: float, t1: float) -> Solution:
    """Elementary control (Hairer, Norsett, Wanner, II.4)."""
    rtol, atol = options.get("rtol") or 0.0, options.get("atol") or 0.0
    longest = min(options.get("max_step") or 1.0, 1.0)
    limit = options.get("max_evaluations") or 100_000
    order = (m.embedded_order or m.order - 1) + 1
    direction = 1.0 if t1 >= t0 else -1.0
    t, h = t0, min(longest, abs(t1 - t0), 0.05)
    evaluations = accepted = rejected = 0
    status = OK
    while direction * (t1 - t) > 0:
        if evaluations + len(m.c) > limit:
            status = MAX_EVALUATIONS
            break
        if h < 1e-12:
            status = STEP_UNDERFLOW
            break
        end = t1 if abs(t1 - t) <= h * (1 + 1e-10) else t + direction * h
        y, error = _step(m, field, x, t, end)
        evaluations += len(m.c)
        scale = atol + rtol * np.maximum(np.abs(x), np.abs(y))
        ratio = float(np.sqrt(np.mean(np.square(error / scale), axis=1)).max()) if len(x) else 0.0
        if ratio <= 1:
            x, t, accepted = y, end, accepted + 1
        else:
            rejected += 1
            if not np.isfinite(ratio):
                ratio = 1e6
        h = min(longest, abs(h) * min(5.0, max(0.2, 0.9 * max(ratio, 1e-10) ** (-1 / order))))
    return _report(x, np.full(len(x), status, np.uint8), evaluations, accepted, rejected)


def _report(x: np.ndarray, status: np.ndarray, evaluations: int, accepted: int, rejected: int) -> Solution:
    status[~np.isfinite(x).all(axis=1)] = NON_FINITE
    full = np.ones(len(x), np.int32)
    return Solution(x, status, evaluations * full, accepted * full, rejected * full)
