"""Record batches: to bytes and back, and their columns as numpy arrays."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import ProtocolError

__all__ = ["Encoded", "column", "decode", "make", "size"]


def make(**columns: Any) -> pa.RecordBatch:
    """A batch of numpy arrays: [rows] becomes a column of numbers, [rows, width]
    one of fixed-size lists. Contiguous arrays are not copied."""
    arrays = []
    for values in columns.values():
        a = np.asarray(values)
        if a.ndim == 1 and a.size > 1 and a.strides == (0,):  # one number, as np.broadcast_to gives it
            arrays.append(pa.repeat(pa.scalar(a[0].item(), pa.from_numpy_dtype(a.dtype)), a.size))
            continue
        a = np.ascontiguousarray(a)
        flat = pa.array(a.reshape(-1))
        arrays.append(flat if a.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, a.shape[1]))
    return pa.RecordBatch.from_arrays(arrays, names=list(columns))


def column(batch: pa.RecordBatch, name: str) -> np.ndarray:
    """A numeric column as a numpy array that shares the batch's memory and cannot
    be written: [rows], or [rows, width] of fixed-size lists."""
    at = batch.schema.get_all_field_indices(name)
    if len(at) != 1:
        raise ProtocolError(f"a batch has {len(at)} columns {name!r}, not one")
    a = batch.column(at[0])
    if pa.types.is_fixed_size_list(a.type):
        return a.flatten().to_numpy().reshape(len(a), a.type.list_size)
    return a.to_numpy(zero_copy_only=not pa.types.is_boolean(a.type))


def size(batch: pa.RecordBatch) -> int:
    """About how many bytes a batch takes on the wire."""
    return batch.nbytes


_CONTINUATION = 0xFFFFFFFF
_PAD = 63


def _padded(n: int) -> int:
    return (n + _PAD) & ~_PAD


class Encoded:
    """A batch that is about to be written as one encapsulated IPC message. Batches
    of plain numbers are laid out here, so that they are copied once, to where
    they go; Arrow writes the others."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.rows = batch.num_rows
        self.schema = batch.schema
        parts: list[Any] = []
        nodes: list[int] = []
        for a in batch.columns:
            if not _plain(a, nodes, parts):
                self.whole: pa.Buffer | None = batch.serialize()
                self.size = self.whole.size
                return
        self.whole = None
        self.parts = parts
        body = sum(_padded(len(p)) for p in parts)
        meta = _padded(88 + 8 * len(nodes) + 16 * len(parts))
        self.head = _head(self.rows, nodes, parts, meta, body)
        self.size = 8 + meta + body

    def write(self, to: memoryview) -> None:
        """Write the message; ``to`` has exactly its size."""
        if self.whole is not None:
            to[:] = memoryview(self.whole).cast("B")
            return
        at = len(self.head)
        to[:at] = self.head
        for p in self.parts:
            if len(p):
                np.frombuffer(to[at:at + len(p)], np.uint8)[:] = p
            at += _padded(len(p))

    def bytes(self) -> bytes:
        """The message as bytes."""
        if self.whole is not None:
            return self.whole.to_pybytes()
        out = [self.head]
        for p in self.parts:
            out.append(p.tobytes() if len(p) else b"")
            out.append(b"\0" * (-len(p) & _PAD))
        return b"".join(out)


def _plain(a: pa.Array, nodes: list[int], parts: list[Any]) -> bool:
    """Take a column of numbers without nulls apart; False when it is another."""
    t = a.type
    if a.null_count:
        return False
    if pa.types.is_fixed_size_list(t):
        nodes += (len(a), 0)
        parts.append(b"")
        # flatten heeds the offset of a slice
        return _plain(a.flatten(), nodes, parts)
    if not (pa.types.is_integer(t) or pa.types.is_floating(t)):
        return False
    nodes += (len(a), 0)
    parts += (b"", a.to_numpy().view(np.uint8) if len(a) else b"")
    return True


def _head(rows: int, nodes: list[int], parts: list[Any], meta: int, body: int) -> bytes:
    """Continuation, length and metadata: a flatbuffer of Message and RecordBatch
    with every field at a fixed place, as the host writes it.

        0 root -> 16      4 vtable of Message (12 bytes)
        16 Message: vtable, header -> 52, bodyLength at 24, version at 32, type at 34
        36 vtable of RecordBatch (10 bytes)
        52 RecordBatch: vtable, length at 56, nodes -> 76, buffers -> 84+16n
        76 nodes: count, pairs from 80     84+16n buffers: count, pairs from 88+16n
    """
    n = len(nodes) // 2
    out = bytearray(8 + meta)
    struct.pack_into("<II", out, 0, _CONTINUATION, meta)
    struct.pack_into("<I6H", out, 8, 16, 12, 20, 16, 18, 4, 8)
    struct.pack_into("<IIqHBx", out, 8 + 16, 16 - 4, 52 - 20, body, 4, 3)
    struct.pack_into("<5H", out, 8 + 36, 10, 20, 4, 12, 16)
    buffers = 84 + 16 * n
    struct.pack_into("<IqII", out, 8 + 52, 52 - 36, rows, 76 - 64, buffers - 68)
    struct.pack_into(f"<I{len(nodes)}q", out, 8 + 76, n, *nodes)
    places: list[int] = []
    at = 0
    for p in parts:
        places += (at, len(p))
        at += _padded(len(p))
    struct.pack_into(f"<I{len(places)}q", out, 8 + buffers, len(parts), *places)
    return bytes(out)


def decode(schema: pa.Schema, payload: pa.Buffer) -> pa.RecordBatch:
    """The batch of an encapsulated message, sharing the payload's memory."""
    try:
        batch = pa.ipc.read_record_batch(pa.ipc.read_message(payload), schema)
        batch.validate()
    except (pa.ArrowException, EOFError, ValueError, OSError, TypeError, OverflowError, MemoryError) as e:
        raise ProtocolError(f"a record batch is refused: {e}") from None
    return batch
