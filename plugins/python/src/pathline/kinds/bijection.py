"""Discrete flows: models that map data to a base and back at once."""

from __future__ import annotations

import json
import threading
from typing import Any

import numpy as np

from ..errors import Error, ProtocolError
from ..random import Key
from ..wire import batch as batches
from ..wire.session import Message
from .model import Network, answer_weights
from .stage import Service, array, no_method, one_batch, unsupported

__all__ = ["Bijection", "BijectionStage"]

BASES = ("normal", "logistic")


class Bijection(Network):
    """A discrete flow of a given width: the functions of an author's class with
    weights, which are checked."""

    def __init__(self, instance: Any, dim: int, held: int) -> None:
        conditional = bool(getattr(instance, "conditional", False))
        if dim < 1 or held < 0 or (held and not conditional):
            raise Error(f"a flow of {dim} columns and {held} conditions", reason="dimension_differ")
        self.held = held
        super().__init__(instance, dim, *([held] if conditional else []))
        self.conditional = conditional

    @property
    def base(self) -> str:
        """normal, logistic, or own."""
        if hasattr(self.instance, "base_log_prob"):
            return "own"
        base = getattr(self.instance, "base", "normal")
        if base not in BASES:
            raise Error(f"base is {base!r}; it is one of {', '.join(BASES)}, or there are base_sample() and base_log_prob()")
        return str(base)

    def depends(self) -> list[list[int]] | None:
        """The columns of x that each column of z depends on, where that is promised."""
        if not hasattr(self.instance, "depends"):
            return None
        return [[int(j) for j in on] for on in self.instance.depends(self.dim)]

    def _behind(self, c: np.ndarray | None, rows: int) -> list[np.ndarray]:
        return [np.zeros((rows, 0), np.float32) if c is None else c] if self.conditional else []

    def normalize(self, x: np.ndarray, c: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """z and log|det dz/dx|."""
        return self._mapped("normalize", x, c)

    def generate(self, z: np.ndarray, c: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """x and log|det dx/dz|."""
        return self._mapped("generate", z, c)

    def _mapped(self, method: str, x: np.ndarray, c: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        got = getattr(self.instance, method)(self.weights, x, *self._behind(c, len(x)))
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            raise Error(f"{method}() gives two arrays, the rows and their log-determinants")
        return (array(got[0], x.shape, np.float32, f"the rows of {method}()"),
                array(got[1], (len(x),), np.float64, f"the log-determinants of {method}()"))

    def base_log_prob(self, z: np.ndarray) -> np.ndarray:
        """log p0(z)."""
        z = z.astype(np.float64)
        if self.base == "own":
            return array(self.instance.base_log_prob(self.weights, z), (len(z),), np.float64, "base_log_prob()")
        if self.base == "normal":
            return -np.square(z).sum(axis=1) / 2 - self.dim * np.log(2 * np.pi) / 2
        a = np.abs(z)
        return -(a + 2 * np.log1p(np.exp(-a))).sum(axis=1)

    def train(self, x: np.ndarray, c: np.ndarray | None, weight: np.ndarray | None,
              loss_only: bool) -> tuple[np.ndarray, np.ndarray | None]:
        """The negative log-density of every row, and the gradient of their weighted
        sum."""
        if loss_only:
            z, logdet = self.normalize(x, c)
            return -self.base_log_prob(z) - logdet, None
        if not hasattr(self.instance, "train"):
            raise unsupported(self.instance, "train", "training")
        got = self.instance.train(self.weights, x, *self._behind(c, len(x)), np.ones(len(x), np.float32) if weight is None else weight)
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            raise Error("train() gives two things, the losses of the rows and a mapping of names to gradients")
        return array(got[0], (len(x),), np.float64, "the losses of train()"), self.join(got[1], "train()")

    def start(self, x: np.ndarray, c: np.ndarray | None) -> np.ndarray:
        """Weights that begin from rows."""
        flat = self.join(self.instance.start(self.weights, x, *self._behind(c, len(x))), "start()")
        self.write(flat)
        return flat


class BijectionStage(Service):
    """Answers for a discrete flow."""

    kind = "model"

    def facts(self) -> dict[str, Any]:
        facts = {"form": "bijection", "use": self.opening.use, "config": json.loads(self.opening.config or b"{}")}
        if getattr(self.instance, "conditional", False):
            facts["held"] = True
        return facts

    def call(self, method: str, m: Message) -> Message:
        if method != "build":
            raise no_method("bijection definition", method)
        n = Bijection(self.instance, m.values["dim"], m.values.get("held", 0))
        lock = threading.Lock()
        target = self.opening.offer("bijection", lambda method, m: answer_bijection(n, lock, method, m))
        values = {"target": target, "tensors": [{"name": k, "shape": list(s)} for k, s in n.shapes.items()], "base": n.base,
                  "starts": hasattr(self.instance, "start")}
        if (depends := n.depends()) is not None:
            values["depends"] = depends
        return Message(values=values)


def _rows(n: Bijection, b: Any, name: str) -> tuple[np.ndarray, np.ndarray | None]:
    x = _wide(b, name, n.dim)
    return x, _wide(b, "c", n.held) if n.held else None


def _wide(b: Any, name: str, width: int) -> np.ndarray:
    x = batches.column(b, name)
    if x.ndim != 2 or x.shape[1] != width or x.dtype != np.float32:
        raise ProtocolError(f"{name} is {x.dtype} {list(x.shape)}, not float32 [rows, {width}]")
    return x


def answer_bijection(n: Bijection, lock: threading.Lock, method: str, m: Message) -> Message:
    """The methods of a bijection."""
    if (out := answer_weights(n, lock, method, m)) is not None:
        return out
    if method == "train":
        return _train(n, m)
    if method == "sample" and n.base == "own":
        p = m.values
        x = n.instance.base_sample(n.weights, Key(int(p["key"])), p["first"], p["rows"])
        return Message(batches=[batches.make(x=array(x, (p["rows"], n.dim), np.float64, "base_sample()"))])
    b = one_batch(m)
    if method == "normalize":
        z, logdet = n.normalize(*_rows(n, b, "x"))
        return Message(batches=[batches.make(z=z, logdet=logdet)])
    if method == "generate":
        x, logdet = n.generate(*_rows(n, b, "z"))
        return Message(batches=[batches.make(x=x, logdet=logdet)])
    if method == "log_prob" and n.base == "own":
        return Message(batches=[batches.make(log_prob=n.base_log_prob(batches.column(b, "x")))])
    if method == "start" and hasattr(n.instance, "start"):
        with lock:
            return Message(batches=[batches.make(w=n.start(*_rows(n, b, "x")))])
    raise no_method("bijection", method)


def _train(n: Bijection, m: Message) -> Message:
    p = m.values
    want = 1 if p["loss"] or p["zero"] else 2
    if len(m.batches) != want:
        raise ProtocolError(f"{len(m.batches)} batches came where {want} are due")
    b = m.batches[0]
    x, c = _rows(n, b, "x")
    loss, grad = n.train(x, c, batches.column(b, "weight") if p["weight"] else None, p["loss"])
    out = [batches.make(loss=loss)]
    if grad is not None:
        if want == 2:
            grad = grad + batches.column(m.batches[1], "grad")
        out.append(batches.make(grad=grad))
    return Message(batches=out)
