"""Paths: how noise at t = 0 becomes data at t = 1."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import Error
from ..registry import C, Registry, register
from ..wire import batch as batches
from ..wire.session import Message
from .stage import Kind, Service, array, no_method, one_batch

__all__ = ["NAMES", "coefficients_of", "domain_of", "path", "sample_of"]

NAMES = ("alpha", "sigma", "gamma", "dalpha", "dsigma", "dgamma")


def coefficients_of(instance: Any, t: np.ndarray) -> dict[str, np.ndarray]:
    """The coefficients of a path at times t, checked and in float64."""
    t = np.asarray(t, np.float64)
    got = instance.coefficients(t)
    if isinstance(got, Mapping):
        values = dict(got)
    elif hasattr(got, "_asdict"):
        values = got._asdict()
    elif isinstance(got, (tuple, list)) or (isinstance(got, np.ndarray) and got.ndim == 2):
        names = {4: ("alpha", "sigma", "dalpha", "dsigma"), 6: NAMES}.get(len(got))
        if names is None:
            raise Error(f"coefficients() gave {len(got)} arrays: alpha, sigma, dalpha, dsigma are due, or six: "
                        + ", ".join(NAMES))
        values = dict(zip(names, got))
    else:
        raise Error(f"coefficients() gave a {type(got).__name__}: alpha, sigma, dalpha, dsigma are due")
    if unknown := set(values) - set(NAMES):
        raise Error(f"coefficients() gave {', '.join(sorted(unknown))}, which a path does not have")
    if missing := {"alpha", "sigma", "dalpha", "dsigma"} - set(values):
        raise Error(f"coefficients() gave no {', '.join(sorted(missing))}")
    return {name: array(values.get(name, 0.0), t.shape, np.float64, f"{name} of coefficients()") for name in NAMES}


def sample_of(instance: Any, t: np.ndarray, x0: np.ndarray, x1: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x_t and u_t of a path that is not affine, checked."""
    got = instance.sample(t, x0, x1)
    if not isinstance(got, (tuple, list)) or len(got) != 2:
        raise Error("sample() gives two arrays, x_t and u_t")
    return (array(got[0], x1.shape, x1.dtype, "x_t of sample()"), array(got[1], x1.shape, x1.dtype, "u_t of sample()"))


def domain_of(instance: Any) -> tuple[float, float]:
    """Where the derivatives of a path are finite; [0, 1] unless it says other."""
    lo, hi = getattr(instance, "domain", (0.0, 1.0))
    if not 0 <= lo < hi <= 1:
        raise Error(f"the domain ({lo}, {hi}) is not inside of [0, 1]")
    return float(lo), float(hi)


class PathStage(Service):
    """Answers for a path."""

    kind = "path"

    def facts(self) -> dict[str, Any]:
        lo, hi = domain_of(self.instance)
        facts = {"lo": lo, "hi": hi, "use": self.opening.use, "config": json.loads(self.opening.config or b"{}")}
        if (std := getattr(self.instance, "base_std", None)) is not None:
            facts["base_std"] = float(std() if callable(std) else std)
        if not hasattr(self.instance, "coefficients"):
            facts["form"] = "sample"
        return facts

    def call(self, method: str, m: Message) -> Message:
        b = one_batch(m)
        t = batches.column(b, "t")
        if method == "coefficients" and hasattr(self.instance, "coefficients"):
            return Message(batches=[batches.make(**coefficients_of(self.instance, t))])
        if method == "sample" and hasattr(self.instance, "sample"):
            xt, ut = sample_of(self.instance, t, batches.column(b, "x0"), batches.column(b, "x1"))
            return Message(batches=[batches.make(xt=xt, ut=ut)])
        raise no_method("path", method)


KIND = Kind("path", PathStage, "coefficients | sample",
            lambda cls: ["affine"] if hasattr(cls, "coefficients") else ["sample"])


def path(name: str, *, version: str = "", example: str = "", stateless: bool = True,
         registry: Registry | None = None) -> Callable[[C], C]:
    """A probability path, x_t = alpha x1 + sigma x0.

    The class has ``coefficients(self, t)``, which gets the times as a float64
    array and gives alpha, sigma, dalpha and dsigma (a tuple of four, or a mapping
    with gamma and dgamma too); or, for a path that is not affine,
    ``sample(self, t, x0, x1)``, which gives x_t and its derivative u_t. A class
    attribute ``domain = (lo, hi)`` says where derivatives are finite, when that is
    not everywhere on [0, 1]; ``base_std`` is the standard deviation of the noise,
    where the coefficients at the start do not say it.

    Give ``stateless=False`` when an answer depends on the calls before: else the
    host starts a process that died again, once, and repeats the call.
    """
    return register(KIND, name, version=version, example=example, stateless=stateless, registry=registry)
