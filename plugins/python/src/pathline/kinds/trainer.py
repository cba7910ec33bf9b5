"""Trainers: a model and rows to a trained flow."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..columns import META_COLUMNS, META_TRANSFORMS, columns_of
from ..errors import Error
from ..flow import write
from ..ports import Coupling, Model, Path, Rows, read_ports
from ..registry import C, Registry, register
from ..wire import plugin_pb2 as pb
from .stage import Kind, Stage

__all__ = ["Trained", "trainer"]


@dataclass
class Trained:
    """What a trainer gives: the weights by name, and numbers worth keeping."""

    weights: Mapping[str, Any]
    summary: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


class TrainerStage(Stage):
    """Answers for a trainer; it describes and writes the flow's file."""

    def capabilities(self) -> list[str]:
        return [*super().capabilities(), "restore"]

    def _file(self) -> str:
        return f"{self.opening.context.stage}.safetensors"

    def _parts(self, ports: Mapping[str, pb.Port]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The inputs, and the description of the flow to come."""
        p = read_ports(self.opening, ports)
        data, path, model = p.get("data"), p.get("path"), p.get("model")
        if not isinstance(data, Rows):
            raise Error("no rows are joined to the port data", reason="missing_port", path="from.data")
        if not isinstance(model, Model):
            raise Error("the model cannot be trained", reason="wrong_port", path="from.model")
        if not isinstance(path, Path):
            raise Error("what is joined to the port path is no path", reason="wrong_port", path="from.path")
        p.setdefault("coupling", Coupling(None))
        p.setdefault("valid", None)
        meta, numbers = data.schema.metadata or {}, data.columns
        description = {
            "version": 1,
            "columns": json.loads(meta[META_COLUMNS]) if META_COLUMNS in meta else [c.to_json() for c in numbers],
            "transforms": json.loads(meta.get(META_TRANSFORMS, b"[]")),
            "path": {"use": path.use, "with": path.config}, "model": {"use": model.use, "with": model.config},
            "dim": sum(c.dims for c in numbers), "target": "velocity", "base_std": path.base_std}
        return p, description

    def check(self, ports: Mapping[str, pb.Port]) -> pb.Outputs:
        _, description = self._parts(ports)
        return pb.Outputs(flow=pb.Flow(planned=json.dumps(description).encode()), files=[self._file()])

    def restore(self, ports: Mapping[str, pb.Port]) -> pb.Outputs:
        """The flow of an earlier run."""
        out = self.check(ports)
        out.flow.file = os.path.join(self.opening.context.out, self._file())
        return out

    def run(self, ports: Mapping[str, pb.Port]) -> pb.Outputs:
        p, description = self._parts(ports)
        network = p.pop("model").build(description["dim"])
        got = self.instance.train(network=network, **p)
        if not isinstance(got, Trained):
            got = Trained(got)
        weights = got.weights
        if not isinstance(weights, Mapping) or set(weights) != set(network.shapes):
            raise Error("train() gives the weights of the network, a mapping of its names to arrays")
        description["training"] = dict(got.summary)
        file = os.path.join(self.opening.context.out, self._file())
        write(file, description, {n: weights[n] for n in network.shapes})
        out = self.check(ports)
        out.flow.file = file
        out.summary = json.dumps(dict(got.summary), default=float).encode()
        for name, value in got.metrics.items():
            out.metrics[name] = float(value)
        return out


KIND = Kind("trainer", TrainerStage, "train")


def trainer(name: str, *, version: str = "", example: str = "", registry: Registry | None = None) -> Callable[[C], C]:
    """A way to train a model.

    The class has ``train(self, network, data, path, coupling, valid)`` and gives the
    weights by name, or a :class:`pathline.Trained`. ``network`` draws, takes and
    evaluates weights and gives gradients; ``data`` and ``valid`` are rows in model
    space (``data.array()``); ``path.sample(t, x0, x1)`` gives x_t and u_t;
    ``coupling.pair(x0, x1)`` pairs them. The network predicts the velocity. The
    flow's file is written for the author.
    """
    return register(KIND, name, version=version, example=example, registry=registry)
