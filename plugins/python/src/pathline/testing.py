"""Testing a plugin without a host, in plain pytest.

    from pathline import testing
    from sine_path import Sine

    def test_sine():
        testing.check(testing.make(Sine, gamma=2.0))

:func:`make` configures a class as a host does, from what a pipeline file would say;
:func:`check` holds an instance against the laws of its kind. The other functions
call one method with the checks that it gets when a host calls.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from . import config as _config
from .context import Context
from .errors import Error
from .kinds import bijection as _bijection
from .kinds import coupling as _coupling
from .kinds import evaluator as _evaluator
from .kinds import loader as _loader
from .kinds import model as _model
from .kinds import path as _path
from .kinds import runge_kutta as _runge_kutta
from .kinds import solver as _solver
from .kinds import transform as _transform
from .kinds import writer as _writer
from .kinds.stage import array as _array
from .ports import Path, Rows, Solver, as_batches
from .random import Key

__all__ = ["bijection", "check", "coefficients", "divergence", "evaluate", "gradient", "make", "network", "pair", "path", "read", "rows",
           "sample", "schema", "solve", "solver", "transformed", "write"]


def make(cls: type, context: Context | None = None, /, **with_: Any) -> Any:
    """An instance with this configuration, checked as the host checks it. What is
    wrong is a pathline.ConfigError. setup() is called with the context."""
    cls = _config.as_dataclass(cls)
    made = _config.from_json(cls, json.dumps(with_))
    if callable(getattr(made, "validate", None)):
        made.validate()
    if callable(getattr(made, "setup", None)):
        made.setup(context or Context(stage="test"))
    return made


def schema(cls: type) -> dict[str, Any]:
    """The JSON Schema of a configuration, as a host gets it."""
    return _config.schema_of(_config.as_dataclass(cls))


# Doubles of what arrives at the ports of a stage.


def rows(source: Any) -> Rows:
    """Rows of a pyarrow table or of arrays by name."""
    return Rows.of(source)


def path(instance: Any = None) -> Path:
    """A path at a port: that of an instance, or straight lines."""
    if instance is None:
        return Path(lambda t: {"alpha": t, "sigma": 1 - t, "gamma": 0 * t, "dalpha": 0 * t + 1, "dsigma": 0 * t - 1, "dgamma": 0 * t}, {})
    lo, hi = _path.domain_of(instance)
    curve = None if hasattr(instance, "coefficients") else lambda t, x0, x1: _path.sample_of(instance, t, x0, x1)
    return Path(lambda t: _path.coefficients_of(instance, t), {"lo": lo, "hi": hi}, curve)


def solver(steps: int = 50) -> Solver:
    """A solver at a port: the classical Runge-Kutta method."""
    t = _solver.Tableau([0, 0.5, 0.5, 1], [[], [0.5], [0, 0.5], [0, 0, 1]], [1 / 6, 1 / 3, 1 / 3, 1 / 6], 4)
    return Solver({"tableau": t.facts(), "options": {"steps": steps}})


# One method, with its checks.


def coefficients(instance: Any, t: Any) -> dict[str, np.ndarray]:
    """alpha, sigma, gamma, dalpha, dsigma, dgamma of a path at times t."""
    return _path.coefficients_of(instance, np.asarray(t, np.float64).reshape(-1))


def sample(instance: Any, t: Any, x0: Any, x1: Any) -> tuple[np.ndarray, np.ndarray]:
    """x_t and u_t of a path, affine or not."""
    return path(instance).sample(t, np.asarray(x0, np.float32), np.asarray(x1, np.float32))


def pair(instance: Any, x0: Any, x1: Any) -> np.ndarray:
    """The pairing of a coupling."""
    return _coupling.pair_of(instance, np.asarray(x0, np.float32), np.asarray(x1, np.float32))


def solve(instance: Any, field: Callable[[Any, np.ndarray], np.ndarray], x: Any, t0: float = 0.0, t1: float = 1.0) -> _solver.Solution:
    """A solve by a solver, of either form. field(t, x) gets one time for each row."""
    x = np.asarray(x)
    low, high = min(t0, t1), max(t0, t1)

    def checked(t: Any, y: np.ndarray, rows: Any = None) -> np.ndarray:
        t = np.broadcast_to(np.asarray(t, np.float64), (len(y),))
        if len(t) and not (low <= t.min() and t.max() <= high):
            raise Error(f"the field is evaluated at t = {t.min()}..{t.max()}, outside of [{low}, {high}]")
        return np.asarray(field(t, y))

    if hasattr(instance, "solve"):
        return _solver.solve_of(instance, checked, x.copy(), t0, t1)
    facts = _solver.tableau_facts(instance, type(instance).__name__)
    t = facts["tableau"]
    return _runge_kutta.solve(_solver.Tableau(t["c"], t["a"], t["b"], t["order"], t.get("b_err"), t.get("embedded_order", 0)),
                              facts["options"], checked, x, t0, t1)


def network(instance: Any, dim: int, seed: int = 0) -> Any:
    """The network of a trained model for rows of dim columns, its weights drawn."""
    n = _model.network_of(instance, dim)
    n.init(Key(seed))
    return n


def bijection(instance: Any, dim: int, held: int = 0, seed: int = 0) -> _bijection.Bijection:
    """A discrete flow for rows of dim columns with held columns of conditions beside
    them, its weights drawn: normalize(x, c), generate(z, c) and train(x, c, weight,
    False), which check what the author's code gives."""
    n = _bijection.Bijection(instance, dim, held)
    n.init(Key(seed))
    return n


def divergence(net: Any, t: Any, x: Any, probe: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """v and the divergence of a network: exact [rows], or [rows, probes]."""
    x = np.asarray(x, np.float32)
    v, div = net.divergence(_times(t, x), x, None if probe is None else np.asarray(probe, np.float32))
    return v, div[:, 0] if probe is None else div


def gradient(net: Any, t: Any, x: Any, target: Any, weight: Any = None) -> tuple[float, np.ndarray]:
    """The loss of a network and its gradient, all weights one after the other."""
    x = np.asarray(x, np.float32)
    return net.gradient(_times(t, x), x, np.asarray(target, np.float32), None if weight is None else np.asarray(weight, np.float32), False)


def _times(t: Any, x: np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.asarray(t, np.float64), (len(x),))


def read(instance: Any, split: str = "") -> pa.Table:
    """All rows of a split of a loader."""
    s = _loader.schema_of(instance)
    got = _loader.read_split(instance, split)
    return pa.Table.from_batches(list(as_batches(got, s)), s)


class _Fitted:
    def __init__(self, instance: Any, state: Any) -> None:
        self.instance, self.state = instance, state

    def apply(self, x: Any) -> tuple[np.ndarray, np.ndarray]:
        """z and the log-determinant of every row."""
        return _transform.apply_of(self.instance, self.state, np.asarray(x, np.float64))

    def invert(self, z: Any) -> np.ndarray:
        """x."""
        return _transform.invert_of(self.instance, self.state, np.asarray(z, np.float64))


def transformed(instance: Any, x: Any) -> _Fitted:
    """A transform that is fitted on rows x."""
    return _Fitted(instance, _transform.state_of(instance, iter([np.asarray(x, np.float64)])))


def evaluate(instance: Any, data: Any, sample: Any) -> list[dict[str, Any]]:
    """The metrics of an evaluator."""
    return _evaluator.metrics_of(instance.evaluate(Rows.of(data), Rows.of(sample)))


def write(instance: Any, file: Any, source: Any) -> int:
    """Write rows by a writer; gives how many."""
    return _writer.write_of(instance, str(file), Rows.of(source))


# The laws.


def check(instance: Any, *, dim: int = 3, seed: int = 0) -> None:
    """Hold an instance against the laws of its kind, which is told by its methods: a
    path's derivatives and ends, the permutation of a coupling, the observed order of
    a solver, divergence and gradient of a model against differences, a transform's
    inverse and log-determinant, those of a discrete flow with its loss, gradient and
    promised zeros, a loader that gives the same rows twice. What does
    not hold is an AssertionError that says so."""
    random = np.random.default_rng(seed)
    laws: list[tuple[tuple[str, ...], Callable[..., None]]] = [
        (("coefficients",), _check_affine), (("pair",), _check_coupling), (("tableau",), _check_solver), (("solve",), _check_solver),
        (("module",), _check_model), (("tensors", "eval"), _check_model), (("tensors", "normalize", "generate"), _check_bijection), (("log_prob", "eval"), _check_exact),
        (("fit", "apply", "invert"), _check_transform), (("schema", "read"), _check_loader), (("sample",), _check_curve)]
    for methods, law in laws:
        if all(callable(getattr(instance, m, None)) for m in methods):
            return law(instance, dim, random)
    raise TypeError(f"there is no law for a {type(instance).__name__}")


def _close(what: str, got: Any, want: Any, tolerance: float) -> None:
    got, want = np.broadcast_arrays(np.asarray(got, np.float64), np.asarray(want, np.float64))
    off = np.abs(got - want) / (1 + np.abs(want))
    if not np.isfinite(got).all():
        raise AssertionError(f"{what}: there are values that are not finite")
    if off.size and off.max() > tolerance:
        at = np.unravel_index(int(np.argmax(off)), off.shape)
        raise AssertionError(f"{what}: {got[at]:.9g} where {want[at]:.9g} is due, at {list(map(int, at))}")


def _check_affine(instance: Any, dim: int, random: Any) -> None:
    lo, hi = _path.domain_of(instance)
    h = 1e-5 * (hi - lo)
    t = np.linspace(lo + 2 * h, hi - 2 * h, 101)
    c, after, before = (coefficients(instance, s) for s in (t, t + h, t - h))
    for name in ("alpha", "sigma", "gamma"):
        _close(f"d{name} is not the derivative of {name}", c[f"d{name}"], (after[name] - before[name]) / (2 * h), 1e-5)
    for name, value in c.items():
        _close(f"{name} depends on the other times of its batch", np.concatenate([coefficients(instance, t[:1])[name], coefficients(instance, t[1:])[name]]), value, 0)
    end = coefficients(instance, [hi])
    if hi == 1:
        _close("at t = 1 x_t is not the data: alpha", end["alpha"], 1, 1e-2)
        _close("at t = 1 x_t is not the data: sigma", end["sigma"], 0, 1e-2)


def _check_curve(instance: Any, dim: int, random: Any) -> None:
    x0, x1 = random.standard_normal((2, 64, dim)).astype(np.float32)
    _close("at t = 1 x_t is not the data", sample(instance, 1.0, x0, x1)[0], x1, 1e-4)
    t, h = random.uniform(0.01, 0.99, 64), 1e-3
    _, ut = sample(instance, t, x0, x1)
    a, b = sample(instance, t + h, x0, x1)[0], sample(instance, t - h, x0, x1)[0]
    _close("u_t is not the derivative of x_t", ut, (a.astype(np.float64) - b) / (2 * h), 5e-3)


def _check_coupling(instance: Any, dim: int, random: Any) -> None:
    for n in (1, 2, 7, 64):
        x0, x1 = random.standard_normal((2, n, dim)).astype(np.float32)
        index = pair(instance, x0, x1)
        _close("pair() gives something else the second time", pair(instance, x0, x1), index, 0)


def _check_solver(instance: Any, dim: int, random: Any) -> None:
    # dx/dt = -2 t x has the solution x(t) = x(0) exp(-t^2).
    x = random.standard_normal((5, dim))

    def field(t: Any, y: np.ndarray) -> np.ndarray:
        return -2 * np.broadcast_to(t, (len(y),))[:, None] * y

    s = solve(instance, field, x)
    _close("the end of dx/dt = -2 t x", s.x, x * np.exp(-1), 5e-2)
    _close("there and back", solve(instance, field, np.asarray(s.x), 1.0, 0.0).x, x, 1e-1)
    if hasattr(instance, "tableau"):
        t = _solver.tableau_facts(instance, "")["tableau"]
        m = _solver.Tableau(t["c"], t["a"], t["b"], t["order"])
        # dx/dt = (1 + t) cos(x) is neither linear nor free of t; its solution is that
        # of many steps.
        def bent(t: Any, y: np.ndarray) -> np.ndarray:
            return (1 + t) * np.cos(y)

        end, coarse, fine = (_runge_kutta.solve(m, {"steps": n}, bent, x, 0.0, 1.0).x for n in (2000, 20, 40))
        far, near = (np.sqrt(np.square(y - end).mean()) for y in (coarse, fine))
        if near > 1e-12 and np.log2(far / near) < m.order - 0.3:
            raise AssertionError(f"the method says order {m.order}, and its error falls as that of order {np.log2(far / near):.2f}")


def _check_model(instance: Any, dim: int, random: Any) -> None:
    net = network(instance, dim)
    x, u = random.standard_normal((2, 6, dim)).astype(np.float32)
    t = random.uniform(0, 1, 6)
    v = net.eval(t, x)
    _close("the field of a row depends on the rows beside it", np.concatenate([net.eval(t[:2], x[:2]), net.eval(t[2:], x[2:])]), v, 1e-5)
    if hasattr(instance, "divergence") or hasattr(instance, "module"):
        h = 1e-2
        want = np.zeros(len(x))
        for i in range(dim):
            e = np.zeros(dim, np.float32)
            e[i] = h
            want += (net.eval(t, x + e)[:, i].astype(np.float64) - net.eval(t, x - e)[:, i]) / (2 * h)
        w, div = divergence(net, t, x)
        _close("divergence() gives another v than eval()", w, v, 1e-5)
        _close("the divergence", div, want, 2e-2)
        basis = np.repeat(np.eye(dim, dtype=np.float32)[:, None, :], len(x), axis=1)
        _close("the divergence by probes", divergence(net, t, x, basis)[1].sum(axis=1), div, 1e-4)
    if hasattr(instance, "gradient") or hasattr(instance, "module"):
        weight = random.uniform(0.5, 1.5, 6).astype(np.float32)
        loss, grad = gradient(net, t, x, u, weight)
        _close("the loss", loss, (weight * np.square(v.astype(np.float64) - u).sum(axis=1)).sum(), 1e-4)
        flat = net.init(Key(0)).astype(np.float64)
        # Along a few directions, because there may be many weights.
        for _ in range(4):
            d = random.standard_normal(len(flat))
            d /= np.linalg.norm(d)
            at = []
            for s in (1e-2, -1e-2):
                net.write((flat + s * d).astype(np.float32))
                at.append(net.gradient(t, x, u, weight, True)[0])
            _close("the gradient along a direction", grad.astype(np.float64) @ d, (at[0] - at[1]) / 2e-2, 2e-2)
        net.write(flat.astype(np.float32))


def _check_bijection(instance: Any, dim: int, random: Any) -> None:
    for held in (0, 2) if getattr(instance, "conditional", False) else (0,):
        n = bijection(instance, dim, held)
        # Not the weights of a start, which may be zero.
        flat = n.init(Key(0)) + 0.1 * random.standard_normal(n.size).astype(np.float32)
        n.write(flat)
        x = random.standard_normal((6, dim)).astype(np.float32)
        c = random.standard_normal((6, held)).astype(np.float32) if held else None

        def cut(lo: int, hi: int, n: Any = n, x: Any = x, c: Any = c) -> Any:
            return n.normalize(x[lo:hi], None if c is None else c[lo:hi])

        z, logdet = n.normalize(x, c)
        _close("z of a row depends on the rows beside it", np.concatenate([cut(0, 2)[0], cut(2, 6)[0]]), z, 1e-5)
        back, other = n.generate(z, c)
        _close("generate() is not the inverse of normalize()", back, x, 1e-4)
        _close("the log-determinants of normalize() and generate() do not cancel", -other, logdet, 1e-4)
        jacobian = np.zeros((6, dim, dim))
        h = np.float32(2.0**-7)
        for j, e in enumerate(np.eye(dim, dtype=np.float32)):
            up, down = (n.normalize(x + s * h * e, c)[0] for s in (1, -1))
            jacobian[:, :, j] = (up.astype(np.float64) - down) / (2 * h)
        _close("the log-determinant", logdet, np.linalg.slogdet(jacobian)[1], 1e-2)
        for i, on in enumerate(n.depends() or []):
            off = [j for j in range(dim) if j not in on]
            _close(f"column {i} of z depends on columns that depends() leaves out: the derivative", jacobian[:, i, off], 0, 0)
        if not hasattr(instance, "train"):
            continue
        weight = random.uniform(0.5, 1.5, 6).astype(np.float32)
        loss, grad = n.train(x, c, weight, False)
        _close("the loss is not -log p0(z) - logdet", loss, n.train(x, c, None, True)[0], 1e-4)
        for _ in range(4):
            d = random.standard_normal(n.size)
            d /= np.linalg.norm(d)
            at = []
            for s in (1e-2, -1e-2):
                n.write((flat + s * d).astype(np.float32))
                at.append(weight.astype(np.float64) @ n.train(x, c, None, True)[0])
            n.write(flat)
            _close("the gradient along a direction", np.asarray(grad, np.float64) @ d, (at[0] - at[1]) / 2e-2, 2e-2)


def _check_exact(instance: Any, dim: int, random: Any) -> None:
    if hasattr(instance, "connect"):
        instance.connect(path=path())
    d = len(_model.columns_of(instance))
    key = Key(1)
    x = _array(instance.sample(key, 0, 8), (8, d), np.float64, "sample()")
    _close("sample() depends on how rows are cut", np.concatenate([instance.sample(key, 0, 3), instance.sample(key, 3, 5)]), x, 0)
    t, h = random.uniform(0.1, 0.9, 8), 1e-5
    v = _array(instance.eval(t, x), x.shape, np.float64, "eval()")
    if hasattr(instance, "divergence"):
        want = sum((instance.eval(t, x + h * e)[:, i] - instance.eval(t, x - h * e)[:, i]) / (2 * h) for i, e in enumerate(np.eye(d)))
        w, div = _model.checked_divergence(instance.divergence(t, x, None), x, None)
        _close("divergence() gives another v than eval()", w, v, 1e-9)
        _close("the divergence", div[:, 0], want, 1e-5)
    _array(instance.log_prob(x), (8,), np.float64, "log_prob()")


def _check_transform(instance: Any, dim: int, random: Any) -> None:
    x = random.standard_normal((50, dim)) * [1 + i for i in range(dim)] + 1
    f = transformed(instance, x)
    z, logdet = f.apply(x)
    _close("invert() is not the inverse of apply()", f.invert(z), x, 1e-8)
    _close("the image of a row depends on the rows beside it", np.concatenate([f.apply(x[:20])[0], f.apply(x[20:])[0]]), z, 1e-12)
    h = 1e-6
    jacobian = np.stack([(f.apply(x + h * e)[0] - f.apply(x - h * e)[0]) / (2 * h) for e in np.eye(dim)], axis=2)
    _close("the log-determinant", logdet, np.linalg.slogdet(jacobian)[1], 1e-5)


def _check_loader(instance: Any, dim: int, random: Any) -> None:
    for split, count in _loader.splits_of(instance).items():
        first = read(instance, split)
        if count >= 0 and first.num_rows != count:
            raise AssertionError(f"split {split!r} says that it has {count} rows and gives {first.num_rows}")
        if not read(instance, split).equals(first):
            raise AssertionError(f"split {split!r} gives other rows the second time")
