"""Batches to bytes and back, schemas, the allocator of shared memory."""

import numpy as np
import pyarrow as pa
import pytest

from pathline.errors import ProtocolError
from pathline.wire import batch as batches
from pathline.wire import memory
from pathline.wire import plugin_pb2 as pb
from pathline.wire import schema as schemas

TYPES = [pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(), pa.float16(),
         pa.float32(), pa.float64(), pa.utf8(), pa.large_utf8(), pa.binary(), pa.large_binary(), pa.date32(), pa.date64(),
         pa.list_(pa.float32(), 3), pa.list_(pa.list_(pa.int8(), 2), 3), pa.binary(4), pa.timestamp("us", "UTC"), pa.timestamp("ns"),
         pa.duration("ms"), pa.time32("s"), pa.time64("us"), pa.decimal128(10, 2)]


@pytest.mark.parametrize("t", TYPES, ids=str)
def test_schemas_come_back_as_they_went(t):
    s = pa.schema([pa.field("a", t, True, {"k": "v"}), pa.field("b", t, False)], metadata={"m": "1"})
    assert schemas.from_proto(schemas.to_proto(s)).equals(s, check_metadata=True)


def test_types_that_do_not_travel_are_refused_by_name():
    with pytest.raises(TypeError, match="'words'"):
        schemas.to_proto(pa.schema([("words", pa.list_(pa.int8()))]))
    for p in (pb.Field(name="a"), pb.Field(name="a", type=pb.FIXED_SIZE_LIST), pb.Field(name="a", type=pb.TIME32, unit=3)):
        with pytest.raises(ProtocolError, match="'a'"):
            schemas.from_proto(pb.Schema(fields=[p]))


def sliced(b):
    return b.slice(3, 5)


NUMBERS = batches.make(t=np.arange(20.0), x=np.arange(60, dtype=np.float32).reshape(20, 3), i=np.arange(20, dtype=np.int32), b=np.arange(20, dtype=np.uint8))
MIXED = pa.RecordBatch.from_pydict({"s": ["a", None, "ccc"] * 5, "f": [True, False, None] * 5, "v": [[1.0, 2.0], None, [3.0, 4.0]] * 5},
                                   pa.schema([("s", pa.utf8()), ("f", pa.bool_()), ("v", pa.list_(pa.float64(), 2))]))


@pytest.mark.parametrize("b", [NUMBERS, sliced(NUMBERS), NUMBERS.slice(0, 0), MIXED, sliced(MIXED), MIXED.slice(0, 0)],
                         ids=["numbers", "slice", "empty", "mixed", "slice of mixed", "empty mixed"])
def test_batches_come_back_as_they_went(b):
    e = batches.Encoded(b)
    raw = e.bytes()
    assert len(raw) == e.size
    assert batches.decode(b.schema, pa.py_buffer(raw)).equals(b)
    room = bytearray(e.size)
    e.write(memoryview(room))
    # Padding may hold anything; what it means is the same.
    assert batches.decode(b.schema, pa.py_buffer(room)).equals(b)


def test_numbers_are_laid_out_here_and_others_by_arrow():
    assert batches.Encoded(NUMBERS).whole is None and batches.Encoded(MIXED).whole is not None


def test_columns_share_memory_and_cannot_be_written():
    raw = pa.py_buffer(batches.Encoded(NUMBERS).bytes())
    x = batches.column(batches.decode(NUMBERS.schema, raw), "x")
    assert x.shape == (20, 3) and x.dtype == np.float32
    assert raw.address <= x.__array_interface__["data"][0] < raw.address + raw.size
    with pytest.raises(ValueError):
        x[0, 0] = 1


def test_damaged_payloads_are_refused_and_never_crash():
    raw = batches.Encoded(NUMBERS).bytes()
    random = np.random.default_rng(5)
    refused = 0
    for n in (0, 4, 8, 100, len(raw) - 65):
        with pytest.raises(ProtocolError):
            batches.decode(NUMBERS.schema, pa.py_buffer(raw[:n]))
    for _ in range(500):
        bad = bytearray(raw)
        bad[random.integers(0, 300)] ^= 1 << random.integers(0, 8)
        try:
            b = batches.decode(NUMBERS.schema, pa.py_buffer(bytes(bad)))
            for name in ("t", "x", "i"):
                batches.column(b, name).sum()
        except ProtocolError:
            refused += 1
    assert refused > 100


def test_allocator_gives_places_that_do_not_overlap_and_joins_what_is_free():
    random = np.random.default_rng(3)
    size = 1 << 20
    a, live = memory.Allocator(size), {}
    for step in range(3000):
        if random.random() < 0.55 or not live:
            length = int(random.integers(0, 1 << 17))
            got = a.take(length)
            if got is None:
                assert max((room for _, room in a.free), default=0) < length or length == 0
                continue
            at, generation = got
            assert generation not in live and at % 64 == 0 and at + length <= size
            assert all(at + length <= o or o + n <= at for o, n in live.values())
            live[generation] = (at, length)
        else:
            g = list(live)[random.integers(len(live))]
            assert a.give(g) and not a.give(g)
            del live[g]
        assert sum(r for _, r in a.free) + sum(r for _, r in a.used.values()) == size
        assert all(x[0] + x[1] < y[0] for x, y in zip(a.free, a.free[1:]))
    for g in list(live):
        a.give(g)
    assert a.free == [(0, size)] and a.take(size + 1) is None and a.take(size) is not None
