"""Models: vector fields v(t, x), trained or exact, and discrete flows."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import Error, ProtocolError
from ..random import Key
from ..registry import C, Registry, register
from ..wire import batch as batches
from ..wire import plugin_pb2 as pb
from ..wire.session import Message
from .stage import Kind, Opening, Service, Stage, array, no_method, one_batch, unsupported

__all__ = ["Network", "model", "network_of"]


class Network:
    """A model of a given width: the functions of an author's class with weights.

    ``write``, ``eval``, ``divergence`` and ``gradient`` check what the author's
    code gives. ``eval`` and the others may be called by several threads at a time,
    never while ``write`` runs.
    """

    def __init__(self, instance: Any, dim: int, *held: int) -> None:
        self.instance = instance
        self.dim = dim
        self.sizes = (dim, *held)  # what tensors() and init() are told
        shapes = instance.tensors(*self.sizes)
        if not isinstance(shapes, Mapping):
            raise Error(f"tensors() gave a {type(shapes).__name__}, not a mapping of names to shapes")
        self.shapes: dict[str, tuple[int, ...]] = {
            name: (int(s),) if isinstance(s, int) else tuple(int(n) for n in s) for name, s in shapes.items()}
        for name, shape in self.shapes.items():
            if any(n < 1 for n in shape):
                raise Error(f"tensor {name!r} has shape {list(shape)}")
        self.size = sum(math.prod(s) for s in self.shapes.values())
        self.weights = self.split(np.zeros(self.size, np.float32))

    def split(self, flat: np.ndarray) -> dict[str, np.ndarray]:
        """Views of the tensors in all weights one after the other."""
        out, at = {}, 0
        for name, shape in self.shapes.items():
            n = math.prod(shape)
            out[name] = flat[at:at + n].reshape(shape)
            at += n
        return out

    def join(self, tensors: Any, what: str) -> np.ndarray:
        """All weights, or gradients, one after the other."""
        if not isinstance(tensors, Mapping):
            raise Error(f"{what} gave a {type(tensors).__name__}, not a mapping of names to arrays")
        if set(tensors) != set(self.shapes):
            other = set(tensors) ^ set(self.shapes)
            raise Error(f"{what} and tensors() do not have the same names: {', '.join(sorted(map(str, other)))}")
        flat = np.empty(self.size, np.float32)
        for name, to in self.split(flat).items():
            to[...] = array(tensors[name], self.shapes[name], np.float32, f"{name} of {what}")
        return flat

    def write(self, flat: np.ndarray) -> None:
        """Take all weights."""
        self.weights = self.split(flat)

    def init(self, key: Key) -> np.ndarray:
        """Draw the weights anew."""
        if hasattr(self.instance, "init"):
            flat = self.join(self.instance.init(*self.sizes, key), "init()")
        else:
            flat = self.join(uniform_weights(self.shapes, key), "init()")
        self.write(flat)
        return flat

    def eval(self, t: np.ndarray, x: np.ndarray) -> np.ndarray:
        """v(t, x)."""
        return array(self.instance.eval(self.weights, t, x), x.shape, np.float32, "eval()")

    def divergence(self, t: np.ndarray, x: np.ndarray, probe: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """v and its divergence, [rows, 1] exact or [rows, probes]."""
        if not hasattr(self.instance, "divergence"):
            raise unsupported(self.instance, "divergence", "a likelihood")
        return checked_divergence(self.instance.divergence(self.weights, t, x, probe), x, probe)

    def gradient(self, t: np.ndarray, x: np.ndarray, target: np.ndarray, weight: np.ndarray | None,
                 loss_only: bool) -> tuple[float, np.ndarray | None]:
        """The loss sum_r weight_r |v_r - target_r|^2 and its gradient."""
        if loss_only:
            r = self.eval(t, x).astype(np.float64) - target
            per_row = np.square(r).sum(axis=1)
            return float(per_row.sum() if weight is None else per_row @ weight.astype(np.float64)), None
        if not hasattr(self.instance, "gradient"):
            raise unsupported(self.instance, "gradient", "training")
        got = self.instance.gradient(self.weights, t, x, target, np.ones(len(x), np.float32) if weight is None else weight)
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            raise Error("gradient() gives two things, the loss and a mapping of names to gradients")
        return float(got[0]), self.join(got[1], "gradient()")


def checked_divergence(got: Any, x: np.ndarray, probe: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """What divergence() gave, as arrays of the right shapes."""
    if not isinstance(got, (tuple, list)) or len(got) != 2:
        raise Error("divergence() gives two arrays, v and the divergence")
    v = array(got[0], x.shape, x.dtype, "v of divergence()")
    rows = len(x)
    if probe is None:
        div = got[1]
        div = array(div, (rows, 1) if getattr(div, "ndim", 1) == 2 else (rows,), np.float64, "the divergence of divergence()")
        return v, div.reshape(rows, 1)
    return v, array(got[1], (rows, len(probe)), np.float64, "the divergence of divergence() with probes")


def uniform_weights(shapes: Mapping[str, tuple[int, ...]], key: Key) -> dict[str, np.ndarray]:
    """Weights uniform on +-1/sqrt(in), where in is the second axis of a matrix and
    that of the matrix before it for a vector: what the host's dense layers and
    torch.nn.Linear draw. The numbers are those that the host would draw."""
    out, bound = {}, 1.0
    for j, (name, shape) in enumerate(shapes.items()):
        if len(shape) > 1:
            bound = 1 / math.sqrt(math.prod(shape[1:]))
        u = key.uniforms(math.prod(shape), row=j)
        out[name] = ((2 * u - 1) * bound).astype(np.float32).reshape(shape)
    return out


def network_of(instance: Any, dim: int) -> Any:
    """The network of a model for rows of dim columns: a Network, or what does the same
    for a module of torch."""
    if hasattr(instance, "module"):
        from ..torch import TorchNetwork  # torch is loaded when it is needed, not before

        return TorchNetwork(instance, dim)
    return Network(instance, dim)


class ModelStage(Service):
    """Answers for a model that is trained."""

    kind = "model"

    def facts(self) -> dict[str, Any]:
        return {"form": "definition", "use": self.opening.use, "config": json.loads(self.opening.config or b"{}")}

    def call(self, method: str, m: Message) -> Message:
        if method != "build":
            raise no_method("model definition", method)
        n = network_of(self.instance, m.values["dim"])
        lock = threading.Lock()
        target = self.opening.offer("network", lambda method, m: answer_network(n, lock, method, m))
        return Message(values={"target": target, "tensors": [{"name": k, "shape": list(s)} for k, s in n.shapes.items()]})


def probes_of(b: Any, probes: int) -> np.ndarray | None:
    """The probes of a divergence, [probes, rows, dim]; None for the exact one."""
    return np.stack([batches.column(b, f"probe{k}") for k in range(probes)]) if probes else None


def answer_weights(n: Network, lock: threading.Lock, method: str, m: Message) -> Message | None:
    """The methods of weights; None for others."""
    if method == "init":
        with lock:
            return Message(batches=[batches.make(w=n.init(Key(int(m.values["key"]))))])
    if method != "write":
        return None
    w = batches.column(one_batch(m), "w")
    if w.shape != (n.size,) or w.dtype != np.float32:
        raise ProtocolError(f"{w.shape} weights came where {n.size} are due")
    with lock:
        n.write(w)
    return Message()


def answer_network(n: Network, lock: threading.Lock, method: str, m: Message) -> Message:
    """The methods of a network."""
    if (out := answer_weights(n, lock, method, m)) is not None:
        return out
    if method == "gradient":
        return _gradient(n, m)
    b = one_batch(m)
    t, x = batches.column(b, "t"), batches.column(b, "x")
    if method == "eval":
        return Message(batches=[batches.make(v=n.eval(t, x))])
    if method == "divergence":
        v, div = n.divergence(t, x, probes_of(b, m.values.get("probes", 0)))
        return Message(batches=[batches.make(v=v, div=div)])
    raise no_method("network", method)


def _gradient(n: Network, m: Message) -> Message:
    p = m.values
    want = 1 if p["loss"] or p["zero"] else 2
    if len(m.batches) != want:
        raise ProtocolError(f"{len(m.batches)} batches came where {want} are due")
    b = m.batches[0]
    weight = batches.column(b, "weight") if p["weight"] else None
    loss, grad = n.gradient(batches.column(b, "t"), batches.column(b, "x"), batches.column(b, "target"), weight, p["loss"])
    out = [batches.make(loss=np.array([loss], np.float64))]
    if grad is not None:
        if want == 2:
            grad = grad + batches.column(m.batches[1], "grad")
        out.append(batches.make(grad=grad))
    return Message(batches=out)


class ExactStage(Service):
    """Answers for a model in closed form."""

    kind = "model"

    def __init__(self, instance: Any, opening: Opening) -> None:
        super().__init__(instance, opening)
        self.columns = columns_of(instance)

    def facts(self) -> dict[str, Any]:
        return {"form": "exact", "dim": len(self.columns), "columns": self.columns}

    def connect(self, ports: Mapping[str, pb.Port]) -> None:
        if hasattr(self.instance, "connect"):
            from ..ports import read_ports

            self.instance.connect(**read_ports(self.opening, ports))

    def call(self, method: str, m: Message) -> Message:
        return answer_exact(self.instance, len(self.columns), method, m)


def columns_of(instance: Any) -> list[str]:
    """The names of the data columns of an exact model."""
    columns = getattr(instance, "columns", None)
    columns = columns() if callable(columns) else columns
    if not isinstance(columns, (list, tuple)) or not columns or not all(isinstance(c, str) for c in columns):
        raise Error("an exact model has columns, the names of its data columns, as in columns = [\"x\", \"y\"]")
    return list(columns)


def answer_exact(instance: Any, dim: int, method: str, m: Message) -> Message:
    """The methods of an exact model, all in float64."""
    if method == "sample":
        p = m.values
        x = instance.sample(Key(int(p["key"])), p["first"], p["rows"])
        return Message(batches=[batches.make(x=array(x, (p["rows"], dim), np.float64, "sample()"))])
    b = one_batch(m)
    x = batches.column(b, "x")
    if method == "log_prob":
        return Message(batches=[batches.make(log_prob=array(instance.log_prob(x), (len(x),), np.float64, "log_prob()"))])
    t = batches.column(b, "t")
    if method == "eval":
        return Message(batches=[batches.make(v=array(instance.eval(t, x), x.shape, np.float64, "eval()"))])
    if method == "divergence":
        if not hasattr(instance, "divergence"):
            raise unsupported(instance, "divergence", "a likelihood")
        probe = probes_of(b, m.values.get("probes", 0))
        v, div = checked_divergence(instance.divergence(t, x, probe), x, probe)
        return Message(batches=[batches.make(v=v, div=div)])
    raise no_method("exact model", method)


def _stage(instance: Any, opening: Opening) -> Stage:
    if hasattr(instance, "normalize"):
        from .bijection import BijectionStage

        return BijectionStage(instance, opening)
    return (ExactStage if hasattr(instance, "log_prob") else ModelStage)(instance, opening)


KIND = Kind("model", _stage, "tensors eval | module | eval sample log_prob | tensors normalize generate",
            lambda cls: ["exact"] if hasattr(cls, "log_prob") else [])


def model(name: str, *, version: str = "", example: str = "", registry: Registry | None = None) -> Callable[[C], C]:
    """A vector field v(t, x), or a discrete flow.

    A field that is trained has ``tensors(self, dim)``, which gives a mapping of
    the names of its weights to their shapes, ``eval(self, w, t, x)``, and, to be
    trained, ``gradient(self, w, t, x, target, weight)``, which gives the loss
    sum_r weight_r |v_r - target_r|^2 and a mapping of gradients. ``init(self, dim,
    key)`` draws weights (without it they are uniform, as those of the host's dense
    layers); ``divergence(self, w, t, x, probe)`` gives v and its divergence, exact
    when probe is None, else [rows, probes]. The host owns weights and optimiser; w
    is a mapping of float32 arrays, x is float32 [rows, dim], t float64 [rows].

    A field of PyTorch has ``module(self, dim)`` instead, which gives a
    torch.nn.Module with ``forward(t, x)``; everything else follows.

    A discrete flow has ``tensors`` and ``normalize(self, w, x)``, which gives z and
    log|det dz/dx| [rows], ``generate(self, w, z)``, which gives x and log|det dx/dz|,
    and, to be trained, ``train(self, w, x, weight)``, which gives the negative
    log-density of every row, in nats, and a mapping of the gradients of
    sum_r weight_r loss_r. ``base`` is "normal" (when left out) or "logistic", or there
    are ``base_sample(self, w, key, first, rows)`` and ``base_log_prob(self, w, z)``, in
    float64. ``start(self, w, x)`` may give weights that begin from the first rows, and
    ``depends(self, dim)`` a list for every column of z of the columns of x that it
    depends on, a promise that is tested. With ``conditional = True`` it takes
    conditions c [rows, held]: ``tensors(self, dim, held)``, ``init(self, dim, held,
    key)``, and c behind x or z in ``normalize``, ``generate``, ``train`` and ``start``.

    An exact field has ``columns``, ``eval(self, t, x)``, ``divergence(self, t, x,
    probe)``, ``sample(self, key, first, rows)`` and ``log_prob(self, x)`` of x at t
    = 0, all in float64, and may have ``connect(self, path)``.
    """
    return register(KIND, name, version=version, example=example, registry=registry)
