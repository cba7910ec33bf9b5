"""Likelihoods: log-densities of rows under a flow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from ..columns import META_OMIT_WHEN, META_TRANSFORMS, STATUS, STATUS_FIELD, Column, columns_of, numbers_of
from ..errors import Error, Interrupted
from ..ports import Rows, offer_rows, read_ports
from ..registry import C, Registry, register
from ..wire import plugin_pb2 as pb
from .sampler import flow_of
from .stage import Kind, Stage, array

__all__ = ["likelihood"]


class LikelihoodStage(Stage):
    """Answers for a likelihood."""

    def __init__(self, instance: Any, opening: Any) -> None:
        super().__init__(instance, opening)
        self._scored: tuple[int, float, float] = (0, 0.0, 0.0)  # rows, sum, sum of squares

    def check(self, ports: Mapping[str, pb.Port]) -> pb.Outputs:
        return self._outputs(read_ports(self.opening, ports), False)

    def run(self, ports: Mapping[str, pb.Port]) -> pb.Outputs:
        return self._outputs(read_ports(self.opening, ports), True)

    def finish(self) -> pb.Outputs:
        n, total, squares = self._scored
        if n == 0:
            return pb.Outputs()
        mean = total / n
        se = float(np.sqrt(max(squares / n - mean * mean, 0) / n))
        return pb.Outputs(summary=json.dumps({"rows": n}).encode(), metrics={"mean_log_prob": mean, "mean_log_prob_se": se})

    def _outputs(self, p: Mapping[str, Any], ready: bool) -> pb.Outputs:
        flow, data = flow_of(p), p.get("data")
        if not isinstance(data, Rows):
            raise Error("no rows are joined to the port data", reason="missing_port", path="from.data")
        if META_TRANSFORMS in (data.schema.metadata or {}):
            raise Error("the data is transformed already, and the flow would transform it again", reason="wrong_port", path="from.data",
                        suggestion="name the loader's rows: the flow applies its own transforms")
        columns = _found(flow.columns, data.schema)
        passed = [f for f in data.schema if not (f.name == STATUS and f.metadata and META_OMIT_WHEN in f.metadata)]
        if any(f.name in ("log_prob", STATUS) for f in passed):
            raise Error("the data has a column log_prob or status already", reason="conflict", path="from.data",
                        suggestion="rename it or leave it out in the loader's columns")
        schema = pa.schema([*passed, pa.field("log_prob", pa.float64()), STATUS_FIELD], metadata=data.schema.metadata)
        opened = flow.open() if ready else None

        def read() -> Iterator[pa.RecordBatch]:
            n, total, squares = 0, 0.0, 0.0
            for b in data:
                if self.opening.context.stopping.is_set():
                    raise Interrupted()
                x = numbers_of(b, columns, n)
                logp = array(self.instance.log_prob(opened, p.get("solver"), x, n), (len(x),), np.float64, "log_prob()")
                status = np.where(np.isfinite(logp), "ok", "non_finite")
                finite = logp[np.isfinite(logp)]
                n, total, squares = n + len(x), total + finite.sum(), squares + np.square(finite).sum()
                self.opening.context.emit({"type": "stage_progress", "done": n, "total": max(data.count, 0), "unit": "rows"})
                yield pa.RecordBatch.from_arrays([*(b.column(b.schema.get_field_index(f.name)) for f in passed), pa.array(logp), pa.array(status.tolist())], schema=schema)
            self._scored = (n, float(total), float(squares))

        return pb.Outputs(rows={"": offer_rows(self.opening, read, schema, data.count)})


def _found(columns: list[Column], schema: pa.Schema) -> list[Column]:
    """The columns of the flow as the data has them."""
    have = {c.name: c for c in columns_of(pa.schema([f for f in schema if f.name in {c.name for c in columns}]))}
    for c in columns:
        if c.name not in have:
            raise Error(f"the data has no column {c.name!r}, which the flow models", reason="unknown_column", path="from.data")
        if have[c.name].width != c.width:
            raise Error(f"column {c.name!r} has {have[c.name].dims} numbers in the data and {c.dims} in the flow",
                        reason="dimension_mismatch", path="from.data")
    return [have[c.name] for c in columns]


KIND = Kind("likelihood", LikelihoodStage, "log_prob")


def likelihood(name: str, *, version: str = "", example: str = "", registry: Registry | None = None) -> Callable[[C], C]:
    """A way to score rows.

    The class has ``log_prob(self, flow, solver, x, first)``, which gets rows of data
    as float64 [rows, dim], from row number first on, and gives their log-densities in
    nats. ``flow.normalize(x, first)`` gives z and the log-determinants of the transforms,
    ``flow.divergence(t, z)`` the velocity and its divergence, ``flow.base_log_prob(z)``
    the density of the noise.
    """
    return register(KIND, name, version=version, example=example, registry=registry)
