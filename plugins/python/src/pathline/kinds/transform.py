"""Transforms: bijections between data and model space, fitted on training rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from ..columns import META_COLUMNS, META_TRANSFORMS, Column, columns_of, numbers_of
from ..errors import Error, ProtocolError
from ..ports import Rows, offer_rows, read_ports
from ..registry import C, Registry, register
from ..wire import batch as batches
from ..wire import plugin_pb2 as pb
from ..wire.session import Message
from .stage import Kind, Stage, array, no_method, one_batch

__all__ = ["apply_of", "invert_of", "state_of", "transform"]


def state_of(instance: Any, numbers: Iterator[np.ndarray]) -> Any:
    """What fit() learned, as JSON keeps it."""
    state = instance.fit(numbers)
    try:
        return json.loads(json.dumps(state, allow_nan=False, default=lambda v: v.tolist()))
    except (TypeError, ValueError, AttributeError) as e:
        raise Error(f"what fit() gave is not JSON: {e}", suggestion="give numbers, texts, lists, mappings or numpy arrays") from None


def apply_of(instance: Any, state: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """z and the log-determinant of every row, checked."""
    got = instance.apply(state, x)
    if not isinstance(got, (tuple, list)) or len(got) != 2:
        raise Error("apply() gives two arrays, z and the log-determinant of every row")
    return array(got[0], x.shape, np.float64, "z of apply()"), array(got[1], (len(x),), np.float64, "logdet of apply()")


def invert_of(instance: Any, state: Any, z: np.ndarray) -> np.ndarray:
    """x, checked."""
    return array(instance.invert(state, z), z.shape, np.float64, "invert()")


class TransformStage(Stage):
    """Answers for a transform."""

    def answer(self, method: str, m: Message) -> Message:
        if method == "fitted":
            state, dim = m.values["state"], m.values["dim"]
            return Message(values={"target": self.opening.offer("transform", lambda method, m: self._map(state, dim, method, m))})
        return super().answer(method, m)

    def _map(self, state: Any, dim: int, method: str, m: Message) -> Message:
        b = one_batch(m)
        if method == "apply":
            z, logdet = apply_of(self.instance, state, self._numbers(b, "x", dim))
            return Message(batches=[batches.make(z=z, logdet=logdet)])
        if method == "invert":
            return Message(batches=[batches.make(x=invert_of(self.instance, state, self._numbers(b, "z", dim)))])
        raise no_method("transform", method)

    def _numbers(self, b: pa.RecordBatch, name: str, dim: int) -> np.ndarray:
        x = batches.column(b, name)
        if x.ndim != 2 or x.shape[1] != dim:
            raise ProtocolError(f"rows of {x.shape[1:]} columns came where {dim} are due")
        return x

    def check(self, ports: Mapping[str, pb.Port]) -> pb.Outputs:
        splits, _ = self._source(ports)
        return self._outputs(splits, None)

    def run(self, ports: Mapping[str, pb.Port]) -> pb.Outputs:
        splits, fit = self._source(ports)
        seen = 0

        def numbers() -> Iterator[np.ndarray]:
            nonlocal seen
            for x in fit.numbers():
                seen += len(x)
                yield x

        state = state_of(self.instance, numbers())
        out = self._outputs(splits, state)
        out.summary = json.dumps({"rows_fitted": seen}).encode()
        return out

    def _source(self, ports: Mapping[str, pb.Port]) -> tuple[dict[str, Rows], Rows]:
        data = read_ports(self.opening, ports).get("data")
        if data is None:
            raise Error("no rows are joined to the port data", reason="missing_port", path="from.data")
        splits = data.splits or {"": data}
        fit = splits.get("train") or (splits.get("") if len(splits) == 1 else None)
        if fit is None:
            raise Error('the data has splits but none named "train" to fit on', reason="unknown_split", path="from.data",
                        suggestion="name one split, as in NAME.part, or add train to the loader's split")
        return splits, fit

    def _outputs(self, splits: dict[str, Rows], state: Any) -> pb.Outputs:
        schema = next(iter(splits.values())).schema
        numbers = columns_of(schema)
        meta = schema.metadata or {}
        before = json.loads(meta.get(META_TRANSFORMS, b"[]"))
        columns = json.loads(meta[META_COLUMNS]) if META_COLUMNS in meta else [c.to_json() for c in numbers]
        own: dict[str, Any] = {"use": self.opening.use, "state": state}
        if config := json.loads(self.opening.config or b"{}"):
            own["with"] = config
        dim = sum(c.dims for c in numbers)
        schema = pa.schema([pa.field("x", pa.list_(pa.field("item", pa.float32()), dim))],
                           metadata={META_COLUMNS: json.dumps(columns), META_TRANSFORMS: json.dumps(before + [own])})
        return pb.Outputs(rows={name: offer_rows(self.opening, partial(self._mapped, rows, numbers, state, schema), schema, rows.count)
                                for name, rows in splits.items()})

    def _mapped(self, rows: Rows, numbers: list[Column], state: Any, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Rows in model space: mapped in float64 and rounded once."""
        first = 0
        for b in rows:
            z, _ = apply_of(self.instance, state, numbers_of(b, numbers, first))
            flat = np.ascontiguousarray(z, np.float32)
            if not np.isfinite(flat).all():
                r, i = np.argwhere(~np.isfinite(flat))[0]
                raise Error(f"row {first + r} has no finite value in model space, in dimension {i}", reason="non_finite",
                            suggestion="remove the row, or the value that is not a number")
            first += len(z)
            column = pa.FixedSizeListArray.from_arrays(pa.array(flat.reshape(-1)), type=schema.field(0).type)
            yield pa.RecordBatch.from_arrays([column], schema=schema)


KIND = Kind("transform", TransformStage, "fit apply invert")


def transform(name: str, *, version: str = "", example: str = "", registry: Registry | None = None) -> Callable[[C], C]:
    """A bijection between data and model space.

    The class has ``fit(self, batches)``, which gets the training rows as an iterator
    of float64 arrays [rows, dim] and gives a state of JSON (numpy arrays in it become
    lists); ``apply(self, state, x)``, which gives z and log|det dz/dx| of every row;
    and ``invert(self, state, z)``. Every row is mapped on its own. The flow's file
    keeps the state.
    """
    return register(KIND, name, version=version, example=example, registry=registry)
