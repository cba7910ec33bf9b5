"""Columns of data: what a flow models and how rows are made of it again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from .errors import Error

__all__ = ["Column", "arrays_of", "columns_of", "fields_of", "numbers_of"]

META_COLUMNS, META_TRANSFORMS, META_OMIT_WHEN = b"pathline.columns", b"pathline.transforms", b"pathline.omit_when"
STATUS = "status"
STATUS_WORDS = ("ok", "max_evaluations", "step_underflow", "non_finite", "cancelled", "max_steps", "max_time")
STATUS_FIELD = pa.field(STATUS, pa.utf8(), True, {META_OMIT_WHEN: b"ok"})
_WORDS = {"halffloat": "float16", "float": "float32", "double": "float64"}


@dataclass(frozen=True)
class Column:
    """A column of the data file: a number, or a vector of ``width`` numbers."""

    name: str
    type: str
    width: int = 0

    @property
    def dims(self) -> int:
        """The number of dimensions that it counts for."""
        return max(self.width, 1)

    @property
    def arrow(self) -> pa.DataType:
        """Its Arrow type; of a vector, that of its elements."""
        t = getattr(pa, self.type, None)
        if t is None or self.type not in ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"):
            raise Error(f"column {self.name!r} is of type {self.type}, which rows cannot be made of here", reason="column_type")
        return t()

    def to_json(self) -> dict[str, Any]:
        """As files and schemas keep it."""
        return {"name": self.name, "type": self.type} | ({"width": self.width} if self.width else {})


def columns_of(schema: pa.Schema) -> list[Column]:
    """The columns of numbers of a schema; another type is an error."""
    out = []
    for f in schema:
        if f.name == STATUS and f.metadata and META_OMIT_WHEN in f.metadata:
            continue
        t, width = f.type, 0
        if pa.types.is_fixed_size_list(t):
            t, width = t.value_type, t.list_size
        if not (pa.types.is_integer(t) or pa.types.is_floating(t)):
            raise Error(f"column {f.name!r} is of type {f.type}: numbers and fixed-size lists of numbers are due", reason="column_type")
        out.append(Column(f.name, _WORDS.get(str(t), str(t)), width))
    return out


def columns_from_json(raw: bytes | str) -> list[Column]:
    """The columns that a description or metadata lists."""
    return [Column(c["name"], c["type"], c.get("width", 0)) for c in json.loads(raw)]


def numbers_of(batch: pa.RecordBatch, columns: list[Column], first: int = 0) -> np.ndarray:
    """[rows, dims] in float64. A null is an error that names its row."""
    parts = []
    for c in columns:
        a = batch.column(batch.schema.get_field_index(c.name))
        if a.null_count:
            at = first + int(np.argmax(np.asarray(a.is_null())))
            raise Error(f"row {at} has a null in column {c.name!r}", reason="null_value")
        if c.width:
            a = a.flatten()
            if a.null_count:
                raise Error(f"column {c.name!r} has nulls inside of its vectors", reason="null_value")
        parts.append(a.to_numpy(zero_copy_only=False).astype(np.float64, copy=False).reshape(batch.num_rows, c.dims))
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1) if parts else np.zeros((batch.num_rows, 0))


def fields_of(columns: list[Column]) -> list[pa.Field]:
    """The Arrow fields of columns."""
    return [pa.field(c.name, pa.list_(pa.field("item", c.arrow), c.width) if c.width else c.arrow) for c in columns]


def arrays_of(columns: list[Column], x: np.ndarray) -> list[pa.Array]:
    """Columns of [rows, dims] in their types: what goes into a column of whole
    numbers is rounded and kept inside of what the type holds."""
    out, at = [], 0
    for c in columns:
        part = x[:, at:at + c.dims].reshape(-1)
        at += c.dims
        dtype = np.dtype(c.type)
        if dtype.kind in "iu":
            info = np.iinfo(dtype)
            low, high = float(info.min), float(np.nextafter(float(info.max), 0)) if info.bits == 64 else float(info.max)
            part = np.clip(np.nan_to_num(np.rint(part), nan=0.0), low, high)
        flat = pa.array(np.ascontiguousarray(part.astype(dtype)))
        out.append(pa.FixedSizeListArray.from_arrays(flat, type=pa.list_(pa.field("item", c.arrow), c.width)) if c.width else flat)
    return out
