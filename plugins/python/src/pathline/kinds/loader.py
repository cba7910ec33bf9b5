"""Loaders: where rows come from."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import pyarrow as pa

from ..errors import Error
from ..ports import offer_rows
from ..registry import C, Registry, register
from ..wire import plugin_pb2 as pb
from .stage import Kind, Stage

__all__ = ["loader", "schema_of", "splits_of"]


def schema_of(instance: Any) -> pa.Schema:
    """The schema of a loader."""
    s = instance.schema()
    if isinstance(s, Mapping):
        s = pa.schema(dict(s))
    if not isinstance(s, pa.Schema):
        raise Error(f"schema() gave a {type(s).__name__}, not a pyarrow.Schema")
    return s


def splits_of(instance: Any) -> dict[str, int]:
    """The splits of a loader with their numbers of rows; "" is all rows."""
    got = instance.splits() if hasattr(instance, "splits") else {"": -1}
    out = {str(n): -1 for n in got} if not isinstance(got, Mapping) else {str(n): -1 if c is None else int(c) for n, c in got.items()}
    if not out:
        raise Error("splits() gave none")
    return out


def read_split(instance: Any, split: str) -> Any:
    """What read() gives for a split; a loader without splits need not take one."""
    return instance.read(split) if inspect.signature(instance.read).parameters else instance.read()


class LoaderStage(Stage):
    """Answers for a loader."""

    def check(self, ports: Mapping[str, pb.Port]) -> pb.Outputs:
        schema = schema_of(self.instance)
        splits = splits_of(self.instance)
        rows = {name: offer_rows(self.opening, partial(self._read, name), schema, count) for name, count in splits.items()}
        if "" not in splits:  # all rows are those of all splits
            counts = splits.values()
            rows[""] = offer_rows(self.opening, lambda: (b for name in splits for b in self._read(name)), schema,
                                  -1 if -1 in counts else sum(counts))
        return pb.Outputs(rows=rows)

    def _read(self, split: str) -> Iterator[Any]:
        got = read_split(self.instance, split)
        return iter([got]) if isinstance(got, (pa.Table, pa.RecordBatch, Mapping)) else iter(got)


KIND = Kind("loader", LoaderStage, "schema read")


def loader(name: str, *, version: str = "", example: str = "", registry: Registry | None = None) -> Callable[[C], C]:
    """A source of rows.

    The class has ``schema(self)``, a pyarrow.Schema, and ``read(self, split)``,
    which gives record batches, tables or mappings of columns, one after the other;
    it is called for every reading and gives the same rows every time. ``splits(self)``
    gives the names of the splits with their numbers of rows (-1: unknown); without
    it there is one, "", and read need not take it. ``fingerprint(self)`` is a text
    that changes when the rows do. Paths in a configuration are relative to
    ``context.dir``; see ``setup``.
    """
    return register(KIND, name, version=version, example=example, registry=registry)
