"""Plugins for pathline, in Python.

A plugin is a file with one or more classes and a call of :func:`serve`::

    import numpy as np, pathline

    @pathline.path("sine")
    class Sine:
        "x_t = sin(pi t/2) x1 + cos(pi t/2) x0"

        def coefficients(self, t):
            a = np.pi * t / 2
            return np.sin(a), np.cos(a), np.pi / 2 * np.cos(a), -np.pi / 2 * np.sin(a)

    if __name__ == "__main__":
        pathline.serve()

The class is the configuration: its annotated attributes are the keys of ``with:``,
with their types and defaults. What comes back from the host, a field, rows, a
path, is an ordinary function or iterator.
"""

from __future__ import annotations

from typing import Any

from ._version import __version__
from .config import Bounds, Doc, field
from .context import Context
from .errors import Cancelled, ConfigError, Diagnostic, Error, HostError, Interrupted, ProtocolError
from .kinds.coupling import coupling
from .kinds.evaluator import evaluator
from .kinds.likelihood import likelihood
from .kinds.loader import loader
from .kinds.model import model
from .kinds.path import path
from .kinds.sampler import sampler
from .kinds.solver import Solution, Tableau, solver
from .kinds.trainer import Trained, trainer
from .kinds.transform import transform
from .kinds.writer import writer
from .ports import Rows
from .random import Key
from .registry import Registry

__all__ = [
    "Bounds", "Cancelled", "ConfigError", "Context", "Diagnostic", "Doc", "Error", "HostError", "Interrupted", "Key",
    "ProtocolError", "Registry", "Rows", "Solution", "Tableau", "Trained", "__version__", "coupling", "evaluator", "field",
    "likelihood", "load", "loader", "model", "path", "sampler", "serve", "solver", "trainer", "transform", "writer",
]


def serve(name: str | None = None, version: str | None = None, *, registry: Registry | None = None) -> None:
    """Offer what the decorators registered to a host; see pathline.serving.serve."""
    from .serving import serve as serve_  # gRPC is loaded by programs that serve, not by those that load a flow

    serve_(name, version, registry=registry)


def load(file: Any, *, device: Any = None) -> Any:
    """A trained flow as a PyTorch module; see pathline.flow.load."""
    from .flow import load as load_

    return load_(file, device=device)
