"""Trained flows: reading and writing their files, and using them in Python.

A flow is a safetensors file whose metadata holds a description: the columns of the
data, the fitted transforms, the path, the model and its configuration.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import struct
from collections.abc import Callable, Mapping
from pathlib import Path as File
from typing import Any

import numpy as np

from .columns import Column
from .errors import Error
from .kinds import runge_kutta
from .kinds.solver import Tableau
from .networks import NETWORKS, NumpyOps
from .random import Key

__all__ = ["Exact", "Trained", "load", "read", "write"]

MAX_HEADER = 100 << 20
DOPRI5 = Tableau(
    [0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1],
    [[], [1 / 5], [3 / 40, 9 / 40], [44 / 45, -56 / 15, 32 / 9], [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
     [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656], [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84]],
    [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84, 0], 5,
    [71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40], 4, "dopri5")


class _Checksum:
    """SHA-256 over the description and, in the order of the file, name, rank, shape
    and bytes of every tensor; texts are preceded by their length and all numbers
    are 64 bit little-endian."""

    def __init__(self, description: str) -> None:
        self._h = hashlib.sha256()
        self._text(description)

    def _number(self, *n: int) -> None:
        self._h.update(struct.pack(f"<{len(n)}Q", *n))

    def _text(self, s: str) -> None:
        raw = s.encode()
        self._number(len(raw))
        self._h.update(raw)

    def tensor(self, name: str, shape: tuple[int, ...], data: bytes | memoryview) -> None:
        self._text(name)
        self._number(len(shape), *shape)
        self._h.update(data)

    def hex(self) -> str:
        return self._h.hexdigest()


def read(file: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The description of a flow's file and its tensors, by name and in the order of
    the file. A damaged file is an Error."""
    file = File(file)

    def damaged(why: str) -> Error:
        return Error(f"{file}: {why}", reason="corrupt_file")

    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        raise Error(f"there is no file {file}", reason="file_not_found") from None
    except OSError as e:
        raise Error(f"{file}: {e.strerror}", reason="file_access") from None
    if len(raw) < 8:
        raise damaged("it is too short for a flow")
    n = int.from_bytes(raw[:8], "little")
    if n > MAX_HEADER or n > len(raw) - 8:
        raise damaged("it is no safetensors file")
    try:
        head = json.loads(raw[8:8 + n])
        meta = head.pop("__metadata__")
        text, want = meta["pathline.flow"], meta["pathline.sha256"]
        description = json.loads(text)
        places = sorted((*t["data_offsets"], name, tuple(t["shape"]), t["dtype"]) for name, t in head.items())
    except (ValueError, KeyError, TypeError, AttributeError):
        raise damaged("it is no flow of pathline") from None
    body = memoryview(raw)[8 + n:]
    check, tensors, at = _Checksum(text), {}, 0
    for begin, end, name, shape, dtype in places:
        if begin != at or end > len(body) or end - begin != 4 * math.prod(shape) or dtype != "F32":
            raise damaged(f"tensor {name!r} is not where the file says")
        at = end
        check.tensor(name, shape, body[begin:end])
        tensors[name] = np.frombuffer(body[begin:end], "<f4").reshape(shape)
    if at != len(body) or check.hex() != want:
        raise damaged("its content is not what its checksum says")
    return description, tensors


def write(file: Any, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> None:
    """Write a flow's file; it is complete or absent."""
    text = json.dumps(description, separators=(",", ":"), allow_nan=False)
    check, head, at = _Checksum(text), {}, 0
    parts = []
    for name, t in tensors.items():
        data = np.ascontiguousarray(t, "<f4").tobytes()
        shape = tuple(int(n) for n in np.shape(t))
        check.tensor(name, shape, data)
        head[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + len(data)]}
        at += len(data)
        parts.append(data)
    meta = {"format": "pathline", "pathline.flow": text, "pathline.sha256": check.hex()}
    raw = json.dumps({"__metadata__": meta} | head, separators=(",", ":")).encode()
    raw += b" " * (-len(raw) % 8)
    file = File(file)
    aside = file.with_name(file.name + ".partial")
    try:
        with open(aside, "wb") as f:
            f.write(len(raw).to_bytes(8, "little") + raw)
            for data in parts:
                f.write(data)
            f.flush()
            os.fsync(f.fileno())
        os.replace(aside, file)
    finally:
        aside.unlink(missing_ok=True)


class _Standardize:
    """z = (x - mean) / sd, column by column."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.mean, self.sd = np.asarray(state["mean"], np.float64), np.asarray(state["sd"], np.float64)

    def apply(self, x: np.ndarray, first: int = 0) -> tuple[np.ndarray, np.ndarray]:
        return (x - self.mean) / self.sd, np.full(len(x), -np.log(self.sd).sum())

    def invert(self, z: np.ndarray) -> np.ndarray:
        return z * self.sd + self.mean


class _Whiten:
    """z of mean 0 and covariance I, by a root of the training rows' covariance."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.root, self.mean = state["root"], np.asarray(state["mean"], np.float64)
        d = len(self.mean)
        m = np.frombuffer(base64.b64decode(state["matrix"]), "<f8").reshape(d, d)
        scale = np.diag(m) if self.root == "cholesky" else np.asarray(state["scale"], np.float64)
        self.logdet = -np.log(scale).sum()
        if self.root == "cholesky":
            self.back = m
        else:  # rows of m are eigenvectors
            self.back = m.T * scale if self.root == "pca" else (m.T * scale) @ m
        self.there = np.linalg.inv(self.back)

    def apply(self, x: np.ndarray, first: int = 0) -> tuple[np.ndarray, np.ndarray]:
        return (x - self.mean) @ self.there.T, np.full(len(x), self.logdet)

    def invert(self, z: np.ndarray) -> np.ndarray:
        return z @ self.back.T + self.mean


class _Logit:
    """z = logit(alpha + (1 - 2 alpha) (x - low) / (high - low)), column by column."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.alpha = float(state["alpha"])
        self.low, self.high = np.asarray(state["low"], np.float64), np.asarray(state["high"], np.float64)
        self.inner = (1 - 2 * self.alpha) / (self.high - self.low)

    def apply(self, x: np.ndarray, first: int = 0) -> tuple[np.ndarray, np.ndarray]:
        p, q = np.log(self.alpha + (x - self.low) * self.inner), np.log(self.alpha + (self.high - x) * self.inner)
        return p - q, (np.log(self.inner) - p - q).sum(axis=1)

    def invert(self, z: np.ndarray) -> np.ndarray:
        e = np.exp(-np.abs(z))
        part = (e / (1 + e) - self.alpha) / self.inner  # from the nearer end
        return np.where(z < 0, self.low + part, self.high - part)


class _Dequantize:
    """Values of a lattice, spread over their bins by the host's own noise."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.key = Key(int(state["key"]))
        self.step, self.unit, self.offset = (np.asarray([b.get(k, default) for b in state["bins"]], np.float64)
                                             for k, default in (("step", 0), ("unit", 1), ("offset", 0)))
        self.discrete = self.step > 0
        self.step[~self.discrete], self.unit[~self.discrete] = 1, 1

    def apply(self, x: np.ndarray, first: int = 0) -> tuple[np.ndarray, np.ndarray]:
        u = np.stack([self.key.uniforms(x.shape[1], first + r) for r in range(len(x))]) if len(x) else np.zeros_like(x)
        z = x + u * (self.step / self.unit)
        n = np.round(self._place(x))
        z = np.where(np.floor(self._place(z)) != n, self._value(n + 0.5), z)
        return np.where(self.discrete, z, x), np.zeros(len(x))

    def invert(self, z: np.ndarray) -> np.ndarray:
        return np.where(self.discrete, self._value(np.floor(self._place(z))), z)

    def _place(self, x: np.ndarray) -> np.ndarray:
        return (x * self.unit - self.offset) / self.step

    def _value(self, n: np.ndarray) -> np.ndarray:
        return (n * self.step + self.offset) / self.unit


_TRANSFORMS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "standardize": _Standardize, "whiten": _Whiten, "logit": _Logit, "dequantize": _Dequantize}
_PATHS: dict[str, Callable[[np.ndarray], tuple[Any, ...]]] = {
    "condot": lambda t: (t, 1 - t, 1.0, -1.0),
    "cosine": lambda t: (np.sin(np.pi / 2 * t), np.cos(np.pi / 2 * t), np.pi / 2 * np.cos(np.pi / 2 * t), -np.pi / 2 * np.sin(np.pi / 2 * t)),
}


class _Space:
    """What trained and exact flows have in common: draws of the base, the way along
    the field, and densities."""

    dim: int
    columns: list[Column]

    def base(self, key: Key, first: int, rows: int) -> np.ndarray:
        raise NotImplementedError

    def base_log_prob(self, z: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def velocity(self, t: Any, x: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def divergence(self, t: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError

    def normalize(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return x, np.zeros(len(x))

    def generate(self, z: np.ndarray) -> np.ndarray:
        return z

    def sample(self, rows: int, *, seed: int = 0, first: int = 0, rtol: float = 1e-5, atol: float = 1e-5) -> np.ndarray:
        """Rows of data: draws of the base moved along the field, [rows, dim]."""
        x = self.base(Key.of(seed, "sample", "base"), first, rows)
        s = runge_kutta.solve(DOPRI5, {"rtol": rtol, "atol": atol}, self.velocity, x, 0.0, 1.0)
        return self.generate(s.x)

    def log_prob(self, x: np.ndarray, *, rtol: float = 1e-5, atol: float = 1e-5) -> np.ndarray:
        """The log-density of rows of data, in nats, with the exact divergence."""
        z, logdet = self.normalize(np.asarray(x, np.float64))

        def field(t: Any, y: np.ndarray) -> np.ndarray:
            v, div = self.divergence(t, y[:, :-1])
            return np.concatenate([v, div[:, None]], axis=1)

        s = runge_kutta.solve(DOPRI5, {"rtol": rtol, "atol": atol}, field, np.concatenate([z, np.zeros((len(z), 1))], axis=1), 1.0, 0.0)
        # From 1 to 0 the integral comes with the opposite sign.
        return self.base_log_prob(s.x[:, :-1]) + s.x[:, -1] + logdet


class Trained(_Space):
    """A trained flow in numpy."""

    def __init__(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray], network: Any = None, path: Any = None,
                 transform: Callable[[int, int], Any] | None = None) -> None:
        for lacking, what in ((description["target"] == "base", "a discrete flow, a bijection"),
                              (bool(description.get("conditions")), "conditional"),
                              (description.get("base") == "table", "one that starts from rows of a table")):
            if lacking:
                raise Error(f"the flow is {what}, which this package cannot evaluate; use `host sample` and `host score`", reason="conflict")
        self.description = dict(description)
        self.tensors = dict(tensors)
        self.dim = int(description["dim"])
        self.columns = [Column(c["name"], c["type"], c.get("width", 0)) for c in description["columns"]]
        self.base_std = float(description["base_std"])
        self.target = description["target"]
        self._transforms = []
        for i, t in enumerate(description["transforms"] or []):
            made = transform(i, self.dim) if transform is not None and t["use"] not in _TRANSFORMS else None
            if made is None and t["use"] not in _TRANSFORMS:
                raise Error(f"the flow's transform {t['use']!r} is not known to this package", reason="unknown_use")
            self._transforms.append(made or _TRANSFORMS[t["use"]](t["state"]))
        self._path = path
        m = description["model"]
        if network is not None:
            self._host = network.build(self.dim)
            self._host.write(self.tensors)
        elif m["use"] in NETWORKS:
            self._host, self._forward, self._with = None, NETWORKS[m["use"]], m["with"]
        else:
            raise Error(f"the flow's model {m['use']!r} is not known to this package", reason="unknown_use",
                        suggestion="open it where its plugin is: in a stage, or with the plugin's own class")

    @classmethod
    def open(cls, file: Any, network: Any = None, path: Any = None, transform: Callable[[int, int], Any] | None = None) -> "Trained":
        """The flow of a file. network, path and transform are those of the host, where
        it lends what this package does not know."""
        description, tensors = read(file)
        if description["model"]["use"] in NETWORKS:
            network = None  # known here, and faster than asking
        return cls(description, tensors, network=network, path=path, transform=transform)

    def network(self, t: Any, x: np.ndarray) -> np.ndarray:
        """What the network says at t and x, in float32: the velocity, or the data or
        noise that it predicts."""
        x32 = np.asarray(x, np.float32)
        t = np.broadcast_to(np.asarray(t, np.float64), (len(x32),))
        if self._host is not None:
            return self._host(t, x32)
        return self._forward(NumpyOps, self._with, self.tensors, t.astype(np.float32), x32)

    def factors(self, t: np.ndarray) -> tuple[Any, Any]:
        """a and b of velocity = a x + b network."""
        if self.target == "velocity":
            return 0.0, 1.0
        if self._path is not None:
            c = self._path.coefficients(t)
            alpha, sigma, dalpha, dsigma = c["alpha"], c["sigma"], c["dalpha"], c["dsigma"]
        elif self.description["path"]["use"] in _PATHS:
            alpha, sigma, dalpha, dsigma = (np.broadcast_to(v, t.shape) for v in _PATHS[self.description["path"]["use"]](t))
        else:
            raise Error(f"the network predicts {self.target}, and the path {self.description['path']['use']!r} that turns it into "
                        "a velocity is not known to this package", reason="unknown_use")
        d = dalpha * sigma - dsigma * alpha
        if self.target == "data":
            return dsigma / _above(sigma), d / _above(sigma)
        return dalpha / _above(alpha), -d / _above(alpha)

    def velocity(self, t: Any, x: np.ndarray) -> np.ndarray:
        """dx/dt at t and x, in model space."""
        x = np.asarray(x)
        v = self.network(t, x).astype(x.dtype, copy=False)
        if self.target == "velocity":
            return v
        a, b = self.factors(np.broadcast_to(np.asarray(t, np.float64), (len(x),)))
        return (a[:, None] * x + b[:, None] * v).astype(x.dtype, copy=False)

    def divergence(self, t: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The velocity and its divergence, by central differences in float64."""
        x = np.asarray(x, np.float64)
        if self._host is not None and self.target == "velocity":
            v, div = self._host.divergence(t, x)
            return v.astype(np.float64), div
        v = self._wide(t, x)
        div, h = np.zeros(len(x)), 1e-5
        for i in range(self.dim):
            e = np.zeros(self.dim)
            e[i] = h
            div += (self._wide(t, x + e)[:, i] - self._wide(t, x - e)[:, i]) / (2 * h)
        return v, div

    def _wide(self, t: Any, x: np.ndarray) -> np.ndarray:
        if self._host is not None:
            return self.velocity(t, x)
        t = np.broadcast_to(np.asarray(t, np.float64), (len(x),))
        v = self._forward(_Wide, self._with, {k: w.astype(np.float64) for k, w in self.tensors.items()}, t, x)
        if self.target == "velocity":
            return v
        a, b = self.factors(t)
        return a[:, None] * x + b[:, None] * v

    def base(self, key: Key, first: int, rows: int) -> np.ndarray:
        """Draws of x at t = 0, the host's own."""
        return self.base_std * key.normals(self.dim, first, rows)

    def base_log_prob(self, z: np.ndarray) -> np.ndarray:
        """The log-density of the base."""
        s = self.base_std
        return -np.square(z / s).sum(axis=1) / 2 - self.dim * (math.log(2 * math.pi) / 2 + math.log(s))

    def normalize(self, x: np.ndarray, first: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Data to model space, with the log-determinant of every row. first is the
        number of the first row in its table, where a transform's noise comes from."""
        logdet = np.zeros(len(x))
        for t in self._transforms:
            x, ld = t.apply(x, first)
            logdet = logdet + ld
        return x, logdet

    def generate(self, z: np.ndarray) -> np.ndarray:
        """Model space to data."""
        for t in reversed(self._transforms):
            z = t.invert(z)
        return z


class _Wide(NumpyOps):
    dtype = np.float64


def _above(x: np.ndarray) -> np.ndarray:
    """x, or what is nearest to it of those at least 1e-3 from zero."""
    return np.where(np.abs(x) < 1e-3, np.copysign(1e-3, x), x)


class Exact(_Space):
    """An exact model of the host, used as a flow."""

    def __init__(self, model: Any) -> None:
        self.model, self.dim = model, model.dim
        self.columns = [Column(n, "float64") for n in model.columns]

    def base(self, key: Key, first: int, rows: int) -> np.ndarray:
        return self.model.sample(key, first, rows)

    def base_log_prob(self, z: np.ndarray) -> np.ndarray:
        return self.model.log_prob(z)

    def velocity(self, t: Any, x: np.ndarray) -> np.ndarray:
        return self.model(t, x)

    def divergence(self, t: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.model.divergence(t, x)


def load(file: Any, *, device: Any = None) -> Any:
    """A trained flow as a PyTorch module: ``flow(t, x)`` is the velocity in model
    space, with the outputs that the host computes; ``flow.state_dict()`` has the
    names of the file; ``flow.sample(rows)`` and ``flow.log_prob(x)`` are in the
    units of the data. ``pathline.flow.Trained.open(file)`` is the same in numpy."""
    from .torch import FlowModule  # torch is loaded when it is needed, not before

    module = FlowModule(Trained.open(file))
    return module if device is None else module.to(device)
