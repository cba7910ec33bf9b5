"""Writers: rows into files or anything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from ..errors import Error, ProtocolError
from ..ports import Rows, offer_rows, read_ports
from ..registry import C, Registry, register
from ..wire import plugin_pb2 as pb
from ..wire.session import Message
from .stage import Kind, Service, no_method

__all__ = ["write_of", "writer"]


class _Counted(Rows):
    """Rows that count what was taken."""

    def __init__(self, rows: Rows) -> None:
        super().__init__(rows._read, rows.schema, rows.count)
        self.taken = 0
        self.over = False

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        self.taken, self.over = 0, False
        for b in super().__iter__():
            self.taken += b.num_rows
            yield b
        self.over = True


def write_of(instance: Any, file: str, rows: Rows) -> int:
    """Write rows; gives how many were written."""
    counted = _Counted(rows)
    n = instance.write(file, counted)
    if not counted.over:
        raise Error(f"write() returned before it had read all rows of {file}")
    if n is not None and int(n) != counted.taken:
        raise Error(f"write() says that it wrote {n} rows of {counted.taken}")
    return counted.taken


class WriterStage(Service):
    """Answers for a writer."""

    kind = "writer"

    def facts(self) -> dict[str, Any]:
        return {"readable": True} if callable(getattr(self.instance, "open", None)) else {}

    def call(self, method: str, m: Message) -> Message:
        file = m.values["file"]
        if method == "write":
            rows = read_ports(self.opening, {p.name: p for p in m.ports}).get("rows")
            if not isinstance(rows, Rows):
                raise ProtocolError("write is due with the port rows")
            return Message(values={"rows": write_of(self.instance, file, rows)})
        if method == "open" and callable(getattr(self.instance, "open", None)):
            table = self.instance.open(file)
            if not isinstance(table, pa.Table):
                raise Error(f"open() gave a {type(table).__name__}, not a pyarrow.Table")
            return Message(outputs=pb.Outputs(rows={"": offer_rows(self.opening, lambda: table, table.schema, table.num_rows)}))
        raise no_method("writer", method)


KIND = Kind("writer", WriterStage, "write")


def writer(name: str, *, version: str = "", example: str = "", registry: Registry | None = None) -> Callable[[C], C]:
    """A place for rows.

    The class has ``write(self, file, rows)``, which iterates over all of rows, record
    batches of ``rows.schema``, and returns when they are durable. ``open(self, file)``
    gives the rows of such a file again, bit for bit, as a pyarrow.Table; a writer
    without it is one that rows are not read from.
    """
    return register(KIND, name, version=version, example=example, registry=registry)
