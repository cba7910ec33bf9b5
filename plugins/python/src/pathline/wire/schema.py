"""Arrow schemas in the plain fields of the protocol."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from ..errors import ProtocolError
from . import plugin_pb2 as pb

__all__ = ["from_proto", "to_proto"]

_PLAIN: dict[pb.Type, pa.DataType] = {
    pb.BOOL: pa.bool_(), pb.INT8: pa.int8(), pb.INT16: pa.int16(), pb.INT32: pa.int32(), pb.INT64: pa.int64(),
    pb.UINT8: pa.uint8(), pb.UINT16: pa.uint16(), pb.UINT32: pa.uint32(), pb.UINT64: pa.uint64(),
    pb.FLOAT16: pa.float16(), pb.FLOAT32: pa.float32(), pb.FLOAT64: pa.float64(),
    pb.UTF8: pa.utf8(), pb.LARGE_UTF8: pa.large_utf8(), pb.BINARY: pa.binary(), pb.LARGE_BINARY: pa.large_binary(),
    pb.DATE32: pa.date32(), pb.DATE64: pa.date64(),
}
_PLAIN_OF = {t.id: p for p, t in _PLAIN.items()}
_UNITS = ["s", "ms", "us", "ns"]


def _unit(name: str) -> Any:
    return _UNITS.index(name)


def to_proto(schema: pa.Schema) -> pb.Schema:
    """A schema without its number. A type that does not travel is a TypeError."""
    return pb.Schema(fields=[_field(f) for f in schema], metadata=_metadata(schema.metadata))


def _metadata(m: dict[bytes, bytes] | None) -> list[pb.KeyValue]:
    return [pb.KeyValue(key=k.decode(), value=v.decode()) for k, v in (m or {}).items()]


def _field(f: pa.Field) -> pb.Field:
    p = pb.Field(name=f.name, nullable=f.nullable, metadata=_metadata(f.metadata))
    t = f.type
    if t.id in _PLAIN_OF:
        p.type = _PLAIN_OF[t.id]
    elif pa.types.is_fixed_size_list(t):
        p.type, p.width = pb.FIXED_SIZE_LIST, t.list_size
        p.children.append(_field(t.value_field))
    elif pa.types.is_fixed_size_binary(t):
        p.type, p.width = pb.FIXED_SIZE_BINARY, t.byte_width
    elif pa.types.is_timestamp(t):
        p.type, p.unit, p.zone = pb.TIMESTAMP, _unit(t.unit), t.tz or ""
    elif pa.types.is_duration(t):
        p.type, p.unit = pb.DURATION, _unit(t.unit)
    elif pa.types.is_time32(t):
        p.type, p.unit = pb.TIME32, _unit(t.unit)
    elif pa.types.is_time64(t):
        p.type, p.unit = pb.TIME64, _unit(t.unit)
    elif pa.types.is_decimal128(t):
        p.type, p.width, p.scale = pb.DECIMAL128, t.precision, t.scale
    else:
        raise TypeError(f"column {f.name!r} has type {t}, which does not travel between processes")
    return p


def from_proto(p: pb.Schema) -> pa.Schema:
    """The Arrow schema of one that the other side sent."""
    return pa.schema([_arrow_field(f, 8) for f in p.fields], metadata={kv.key: kv.value for kv in p.metadata} or None)


def _arrow_field(p: pb.Field, depth: int) -> pa.Field:
    if depth == 0:
        raise ProtocolError("a schema is nested too deeply")
    try:
        t = _type(p, depth)
    except (ValueError, IndexError, pa.ArrowException) as e:
        raise ProtocolError(f"column {p.name!r}: {e}") from None
    return pa.field(p.name, t, p.nullable, {kv.key: kv.value for kv in p.metadata} or None)


def _type(p: pb.Field, depth: int) -> pa.DataType:
    if p.type in _PLAIN:
        return _PLAIN[p.type]
    if p.type == pb.FIXED_SIZE_LIST:
        if len(p.children) != 1 or p.width < 1:
            raise ProtocolError(f"column {p.name!r} has no elements")
        return pa.list_(_arrow_field(p.children[0], depth - 1), p.width)
    if p.type == pb.FIXED_SIZE_BINARY:
        return pa.binary(p.width)
    if p.type == pb.TIMESTAMP:
        return pa.timestamp(_UNITS[p.unit], p.zone or None)
    if p.type == pb.DURATION:
        return pa.duration(_UNITS[p.unit])
    if p.type == pb.TIME32:
        return pa.time32(_UNITS[p.unit])
    if p.type == pb.TIME64:
        return pa.time64(_UNITS[p.unit])
    if p.type == pb.DECIMAL128:
        return pa.decimal128(p.width, p.scale)
    raise ProtocolError(f"column {p.name!r} has an unknown type ({p.type})")
