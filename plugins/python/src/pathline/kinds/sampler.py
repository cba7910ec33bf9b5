"""Samplers: rows of data from a trained flow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from ..columns import STATUS_FIELD, STATUS_WORDS, arrays_of, fields_of
from ..errors import Error, Interrupted
from ..ports import Flow, offer_rows, read_ports
from ..registry import C, Registry, register
from ..wire import plugin_pb2 as pb
from .solver import Solution
from .stage import Kind, Stage, array

__all__ = ["sampler"]

BATCH = 8192


def flow_of(ports: Mapping[str, Any]) -> Flow:
    """The flow at the port, a trained one or an exact model."""
    f = ports.get("flow")
    if f is None:
        raise Error("nothing is joined to the port flow", reason="missing_port", path="from.flow")
    return f if isinstance(f, Flow) else Flow(exact=f)


def status_words(status: Any, rows: int) -> pa.Array:
    """The words of a status column."""
    if status is None:
        return pa.array(["ok"] * rows)
    codes = array(status, (rows,), np.uint8, "status")
    if len(codes) and codes.max() >= len(STATUS_WORDS):
        raise Error(f"there is no status {codes.max()}")
    return pa.array([STATUS_WORDS[c] for c in codes])


class SamplerStage(Stage):
    """Answers for a sampler."""

    def check(self, ports: Mapping[str, pb.Port]) -> pb.Outputs:
        return self._outputs(read_ports(self.opening, ports), False)

    def run(self, ports: Mapping[str, pb.Port]) -> pb.Outputs:
        return self._outputs(read_ports(self.opening, ports), True)

    def _outputs(self, p: Mapping[str, Any], ready: bool) -> pb.Outputs:
        flow, rows = flow_of(p), int(self.instance.rows)
        columns = flow.columns
        schema = pa.schema([*fields_of(columns), STATUS_FIELD])
        opened = flow.open() if ready else None
        dim = sum(c.dims for c in columns)

        def read() -> Iterator[pa.RecordBatch]:
            for first in range(0, rows, BATCH):
                if self.opening.context.stopping.is_set():
                    raise Interrupted()
                n = min(BATCH, rows - first)
                got = self.instance.sample(opened, p.get("solver"), first, n)
                s = got if isinstance(got, Solution) else Solution(got)
                x = array(s.x, (n, dim), np.float64, "sample()")
                self.opening.context.emit({"type": "stage_progress", "done": first + n, "total": rows, "unit": "rows"})
                yield pa.RecordBatch.from_arrays([*arrays_of(columns, x), status_words(s.status, n)], schema=schema)

        return pb.Outputs(rows={"": offer_rows(self.opening, read, schema, rows)})


def _rows(cls: type) -> list[str]:
    if "rows" not in getattr(cls, "__dataclass_fields__", {}):
        raise TypeError(f"{cls.__name__} is a sampler and has no key rows, the number of rows to make: write rows: int = 1000")
    return []


KIND = Kind("sampler", SamplerStage, "sample", _rows)


def sampler(name: str, *, version: str = "", example: str = "", registry: Registry | None = None) -> Callable[[C], C]:
    """A way to make rows of data.

    The class has a key ``rows`` and ``sample(self, flow, solver, first, rows)``, which
    gives rows first, first+1, ... of the data as float64 [rows, dim], or a
    ``Solution`` with their statuses. ``flow.base(key, first, rows)`` draws the noise,
    ``solver.solve(flow.velocity, x, 0, 1)`` moves it, ``flow.generate(z)`` takes it
    back to the units of the data. A row depends on its number only, not on how rows
    are cut into batches.
    """
    return register(KIND, name, version=version, example=example, registry=registry)
