"""The host's built-in networks, as functions of their weights.

Every function takes ``ops``, the arithmetic of numpy or of torch, so that there is
one definition of each network for both. The weights have the names that a flow's
file gives them; formulas are those of pathline's package stages/model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .errors import Error

__all__ = ["NETWORKS", "NumpyOps", "frequencies"]

Weights = Mapping[str, Any]


def frequencies(time: Mapping[str, Any]) -> np.ndarray | None:
    """w_k = 64^(k/(n-1)), in radians per unit of time; None where t enters as it is."""
    if time.get("use", "fourier") == "concat":
        return None
    n = time.get("features") or 32
    return 64.0 ** (np.arange(n) / (n - 1)) if n > 1 else np.ones(1)


def _time(ops: Any, time: Mapping[str, Any], t: Any) -> Any:
    w = frequencies(time)
    if w is None:
        return t[:, None]
    phase = t[:, None] * ops.constant(w)
    return ops.concat([ops.cos(phase), ops.sin(phase)])


def mlp(ops: Any, with_: Mapping[str, Any], w: Weights, t: Any, x: Any) -> Any:
    """A multilayer perceptron of x and features of t."""
    act = ops.activation(with_["activation"])
    h = ops.concat([x, _time(ops, with_["time"], t)])
    n = len(with_["hidden"])
    for i in range(n):
        h = act(ops.linear(h, w[f"layers.{i}.weight"], w[f"layers.{i}.bias"]))
    return ops.linear(h, w[f"layers.{n}.weight"], w[f"layers.{n}.bias"])


def resmlp(ops: Any, with_: Mapping[str, Any], w: Weights, t: Any, x: Any) -> Any:
    """Residual blocks with layer norm, scaled and shifted by the time."""
    act, width = ops.activation(with_["activation"]), with_["width"]

    def dense(name: str, h: Any) -> Any:
        return ops.linear(h, w[name + ".weight"], w[name + ".bias"])

    e = act(dense("time", _time(ops, with_["time"], t)))

    def modulated(name: str, h: Any) -> Any:
        f = dense(name, e)
        return ops.layer_norm(h, 1e-5) * (f[:, :width] + 1) + f[:, width:]

    h = dense("in", x)
    for i in range(with_["blocks"]):
        name = f"blocks.{i}"
        h = h + dense(name + ".down", act(dense(name + ".up", modulated(name + ".time", h))))
    return dense("out", modulated("out.time", h))


NETWORKS: dict[str, Callable[..., Any]] = {"mlp": mlp, "resmlp": resmlp}


class NumpyOps:
    """Arithmetic in numpy, in the width of the weights."""

    dtype: Any = np.float32
    cos, sin = staticmethod(np.cos), staticmethod(np.sin)

    @classmethod
    def constant(cls, v: np.ndarray) -> np.ndarray:
        """Numbers of the network itself."""
        return v.astype(cls.dtype)

    @staticmethod
    def concat(parts: list[np.ndarray]) -> np.ndarray:
        """Columns side by side."""
        return np.concatenate(parts, axis=1)

    @staticmethod
    def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
        """x W' + b."""
        return x @ weight.T + bias

    @staticmethod
    def layer_norm(x: np.ndarray, eps: float) -> np.ndarray:
        """Every row with mean 0 and variance 1."""
        centred = x - x.mean(axis=1, keepdims=True)
        return centred / np.sqrt(np.square(centred).mean(axis=1, keepdims=True) + np.float32(eps))

    @staticmethod
    def activation(name: str) -> Callable[[np.ndarray], np.ndarray]:
        """An activation by name."""
        if name not in _ACTIVATIONS:
            raise Error(f"there is no activation {name!r}", reason="unknown_value")
        return _ACTIVATIONS[name]


def _sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def _gelu(x: np.ndarray) -> np.ndarray:
    erf = np.asarray(np.frompyfunc(math.erf, 1, 1)(x.astype(np.float64) / math.sqrt(2)), np.float64)
    return (x * (1 + erf) / 2).astype(x.dtype)


def _selu(x: np.ndarray) -> np.ndarray:
    scale, alpha = x.dtype.type(1.0507009873554804934193349852946), x.dtype.type(1.6732632423543772848170429916717)
    return scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


_ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "silu": lambda x: x * _sigmoid(x),
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "gelu": _gelu,
    "selu": _selu,
    "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
}
