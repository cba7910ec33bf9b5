"""Writes the files that other programs made, and expected.json beside them.

    python make.py

needs pyarrow and numpy. With duckdb, fastparquet and polars it writes their files too;
without, theirs stay as they are. Parquet files lie beside this script, Arrow
files in ../../arrowfile/testdata. What is expected of a file is what pyarrow
reads from it, but for restored() below: of every column that a table of numbers can use, its type in
Arrow's words and its values as text (None for null, lists for lists); the
names of all other columns. Values that are all the same are told once, with
their number (repeat).
"""

import base64
import json
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).parent
ARROW = HERE.parent.parent / "arrowfile" / "testdata"
N = 100

INTS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
NAMES = {"halffloat": "float16", "float": "float32", "double": "float64", "date32[day]": "date32", "date64[ms]": "date64"}


# Expectations.

def type_of(t):
    """The type as Arrow's Go library writes it, and the width of lists; None where the type is not of numbers."""
    if isinstance(t, pa.BaseExtensionType):
        t = t.storage_type
    if pa.types.is_fixed_size_list(t):
        inner, width = type_of(t.value_type)
        return (inner, t.list_size) if inner and not width and t.list_size else (None, 0)
    s = NAMES.get(str(t), str(t))
    ok = pa.types.is_integer(t) or pa.types.is_floating(t) or pa.types.is_temporal(t) and s != "month_day_nano_interval"
    return (s if ok else None), 0


def texts(a, t):
    if pa.types.is_fixed_size_list(t):
        w = t.list_size
        if a.null_count:  # what lies under null lists has no meaning
            return [texts(a[i].values, t.value_type) if a[i].is_valid else None for i in range(len(a))]
        flat = texts(a.flatten(), t.value_type)
        return [flat[i * w:(i + 1) * w] for i in range(len(a))]
    if not pa.types.is_floating(t):
        bits = t.bit_width
        if pa.types.is_temporal(t):
            a = a.view(pa.int32() if bits == 32 else pa.int64())
        return [None if v is None else str(v) for v in a.to_pylist()]
    return [None if v is None else repr(float(v)) for v in a.to_pylist()]


def restored(path):
    """The table in a Parquet file, in the types that it had: pyarrow leaves seconds as milliseconds, and milliseconds of days as days."""
    table = pq.read_table(path)
    told = (pq.read_metadata(path).metadata or {}).get(b"ARROW:schema")
    if not told:
        return table
    for i, f in enumerate(ipc.read_schema(pa.py_buffer(base64.b64decode(told)))):
        was, width, t = f.type, 0, table.schema.field(i).type
        if pa.types.is_fixed_size_list(was):
            was, width, t = was.value_type, was.list_size, t.value_type
        pairs = [("timestamp[s", "timestamp[ms"), ("time32[s", "time32[ms"), ("date64", "date32")]
        if any(str(was).startswith(a) and str(t).startswith(b) for a, b in pairs):
            table = table.set_column(i, table.column_names[i], table.column(i).cast(pa.list_(was, width) if width else was))
    return table


def expectation(table):
    out = {"rows": table.num_rows, "columns": {}, "others": []}
    for f, c in zip(table.schema, table.columns):
        name, width = type_of(f.type)
        if name is None:
            out["others"].append(f.name)
            continue
        a = c.combine_chunks() if c.num_chunks else pa.array([], f.type)
        if isinstance(a, pa.ChunkedArray):
            a = pa.concat_arrays(a.chunks) if a.num_chunks else pa.array([], f.type)
        t = f.type
        if isinstance(t, pa.BaseExtensionType):
            a, t = a.storage, t.storage_type
        values = texts(a, t)
        repeat = len(values) if len(values) > 1000 and len(set(values)) == 1 else 1
        out["columns"][f.name] = {"type": name, "width": width, "values": values[:1] if repeat > 1 else values, "repeat": repeat}
    return out




# Columns.

rng = np.random.default_rng(7)


def nulled(values, t, every):
    mask = np.zeros(len(values), bool)
    if every:
        mask[::every] = True
    return pa.array(values, t, mask=mask)


def ints(name, n=N, every=0):
    info = np.iinfo(name)
    v = rng.integers(info.min, info.max, n, dtype=name, endpoint=True)
    v[:2] = info.min, info.max
    v[n // 4:] //= max(info.max // 50, 1)  # few values: dictionaries, runs
    return nulled(v, getattr(pa, name)(), every)


def floats(name, n=N, every=0):
    v = (rng.standard_normal(n) * 100).astype(name)
    v[1:6] = [np.inf, -np.inf, -0.0, 0.1, np.finfo(name).tiny]
    v[8:] = np.round(4 * v[8:]) / 4
    v[n // 2:] = np.round(v[n // 2:])
    return nulled(v, {"float16": pa.float16(), "float32": pa.float32(), "float64": pa.float64()}[name], every)


def numbers(n=N, every=0, half=True):
    c = {k: ints(k, n, every and every + i) for i, k in enumerate(INTS)}
    for k in ["float16", "float32", "float64"][0 if half else 1:]:
        c[k] = floats(k, n, every and every + 1)
    return pa.table(c)


def times(n=N, every=0):
    i = rng.integers(-10**6, 10**6, n) * 1000  # whole in the next coarser unit too
    c = {}
    for u in ["s", "ms", "us", "ns"]:
        c["ts_" + u] = nulled(i, pa.timestamp(u), every)
        c["tz_" + u] = nulled(i, pa.timestamp(u, "Europe/Paris"), every)
        c["span_" + u] = nulled(i, pa.duration(u), every)
    days = i % 20000 - 5000
    c["date32"] = nulled(days.astype("int32"), pa.date32(), every)
    c["date64"] = nulled(days * 86400000, pa.date64(), every)
    c["time_s"] = nulled((i % 86400).astype("int32"), pa.time32("s"), every)
    c["time_ms"] = nulled((i % 86400000).astype("int32"), pa.time32("ms"), every)
    c["time_us"] = nulled(i % 86400000000, pa.time64("us"), every)
    c["time_ns"] = nulled(i % 86400000000, pa.time64("ns"), every)
    return pa.table(c)


def fixed(values, width, every=0, elem_every=0, t=None):
    flat = pa.array(values, t, mask=np.arange(len(values)) % elem_every == 0 if elem_every else None)
    mask = pa.array(np.arange(len(values) // width) % every == 1) if every else None
    return pa.FixedSizeListArray.from_arrays(flat, width, mask=mask)


def lists(n=N):
    u8, f32 = rng.integers(0, 255, 3 * n, dtype="uint8"), (np.round(rng.standard_normal(3 * n) * 8) / 8).astype("float32")
    required = pa.field("element", pa.float32(), nullable=False)
    return pa.table({
        "bytes": fixed(u8, 3),
        "floats": fixed(f32, 3),
        "null rows": fixed(f32, 3, every=5),
        "null elements": fixed(u8, 3, elem_every=7),
        "both": fixed(f32, 3, every=4, elem_every=7),
        "one": fixed(f32[:n], 1, every=3),
        "days": fixed(u8.astype("int32"), 3, every=9, t=pa.date32()),
        "halves": fixed(f32.astype("float16"), 3, every=9),
        "seconds": fixed(u8.astype("int64"), 3, every=9, t=pa.timestamp("s")),
        "required": pa.FixedSizeListArray.from_arrays(pa.array(f32), type=pa.list_(required, 3)),
        "spoilt": pa.array([None] * n, pa.list_(pa.float32(), 2)),
    })


def others(n=30, ipc_only=False):
    import decimal
    text = ["", "a", "ü" * 5, None, "longer than twelve bytes"] * (n // 5)
    k = list(range(n))
    c = {
        "text": pa.array(text),
        "large text": pa.array(text, pa.large_string()),
        "kind": pa.array(text).dictionary_encode(),
        "codes": pa.array([i % 3 for i in k], pa.int16()).dictionary_encode(),
        "blob": pa.array([None if s is None else s.encode() for s in text], pa.binary()),
        "fixed blob": pa.array([bytes([i, i, i]) for i in k], pa.binary(3)),
        "money": pa.array([decimal.Decimal(i) / 4 for i in k], pa.decimal128(9, 2)),
        "much money": pa.array([decimal.Decimal(i) / 4 for i in k], pa.decimal256(50, 2)),
        "point": pa.array([{"x": i, "y": {"z": float(i)}} for i in k]),
        "tags": pa.array([[str(j) for j in range(i % 3)] for i in k]),
        "steps": pa.array([None if i % 4 == 0 else [i] * (i % 3) for i in k], pa.list_(pa.int32())),
        "many": pa.array([[i] for i in k], pa.large_list(pa.int8())),
        "map": pa.array([[("a", i)] for i in k], pa.map_(pa.string(), pa.int32())),
        "flag": pa.array([i % 3 == 0 for i in k]),
        "nothing": pa.nulls(n),
        "pair of pairs": pa.array([[[1, 2], [3, i]] for i in k], pa.list_(pa.list_(pa.int32(), 2), 2)),
        "points": pa.array([[{"x": i}] * 2 for i in k], pa.list_(pa.struct([("x", pa.int32())]), 2)),
        "words": pa.array([["a", "b"] for i in k], pa.list_(pa.string(), 2)),
    }
    if ipc_only:
        c["view"] = pa.array(text, pa.string_view())
        c["views"] = pa.array([[i] for i in k], pa.list_view(pa.int8()))
        c["runs"] = pa.RunEndEncodedArray.from_arrays(pa.array([n // 2, n], pa.int32()), pa.array([1, 2], pa.int8()))
        c["union"] = pa.UnionArray.from_sparse(pa.array([i % 2 for i in k], pa.int8()), [pa.array(k), pa.array([str(i) for i in k])])
        c["dense"] = pa.UnionArray.from_dense(pa.array([0] * n, pa.int8()), pa.array(k, pa.int32()), [pa.array(k), pa.array([""])])
        c["gap"] = pa.array([(1, 2, i) for i in k], pa.month_day_nano_interval())
    return c


def among_others(ipc_only=False, n=10):
    """Columns of numbers before, between and behind columns that hold none."""
    c = {"first": ints("int32", n, 4)}
    for i, (name, a) in enumerate(others(n, ipc_only).items()):
        c[name] = a
        if i % 3 == 0 or ipc_only:
            c[f"number {i}"] = floats("float64", n, i)
        if i % 5 == 0:
            c[f"vector {i}"] = fixed(np.round(rng.standard_normal(2 * n) * 8) / 8, 2, every=i)
    c["last"] = ints("int64", n)
    return pa.table(c)


def small_money():
    import decimal
    two = [decimal.Decimal("1.25"), None]
    return pa.table({"money": pa.array(two, pa.decimal32(9, 2)), "cents": pa.array(two, pa.decimal64(18, 2)), "n": pa.array([1, 2])})


# Files.

expected = {HERE: {}, ARROW: {}}


def keep(path, table=None):
    expected[path.parent][path.name] = expectation(restored(path) if table is None else table)


def parquet(name, table, **options):
    path = HERE / (name + ".parquet")
    pq.write_table(table, path, **{"write_statistics": False} | options)
    keep(path)


def arrow(name, table, stream=False, batch=None, **options):
    path = ARROW / (name + (".arrows" if stream else ".arrow"))
    batches = table if isinstance(table, list) else table.to_batches(batch)
    new = ipc.new_stream if stream else ipc.new_file
    with new(str(path), batches[0].schema, options=ipc.IpcWriteOptions(**options)) as w:
        for b in batches:
            w.write_batch(b)
    read = ipc.open_stream if stream else ipc.open_file
    with open(path, "rb") as f:
        keep(path, read(f).read_all())


def parquet_files():
    for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
        for page in ["1.0", "2.0"]:
            parquet(f"{codec}_v{page[0]}", numbers(24, 7).select(["int8", "float32"]), compression=codec, data_page_version=page)
    parquet("zstd_22", numbers(24).select(["float64"]), compression="zstd", compression_level=22)
    for page in ["1.0", "2.0"]:
        v = page[0]
        parquet(f"plain_v{v}", numbers(24, 6), use_dictionary=False, data_page_version=page)
        parquet(f"split_v{v}", numbers(24, 6), use_dictionary=False, data_page_version=page,
                column_encoding={k: "BYTE_STREAM_SPLIT" for k in ["int32", "int64", "uint32", "uint64", "float16", "float32", "float64"]})
        parquet(f"delta_v{v}", numbers(150, 6, half=False).select(["int8", "int32", "int64", "uint64"]), use_dictionary=False, data_page_version=page,
                column_encoding={k: "DELTA_BINARY_PACKED" for k in ["int8", "int32", "int64", "uint64"]})
        parquet(f"small_pages_v{v}", numbers(40, 6).select(["int16", "float64"]), data_page_size=256, write_batch_size=8, data_page_version=page, dictionary_pagesize_limit=64)
        parquet(f"lists_v{v}", lists(12), data_page_version=page)
        parquet(f"lists_small_pages_v{v}", lists(24).select(["bytes", "both", "null rows"]), data_page_size=64, write_batch_size=9, data_page_version=page, row_group_size=15)
        parquet(f"flag_v{v}", pa.table({"flag": nulled(rng.random(50) < 0.5, pa.bool_(), 5), "n": ints("int32", 50)}), data_page_version=page)
    parquet("lists_plain", lists(16).select(["bytes", "both", "halves"]), use_dictionary=False)
    parquet("groups", numbers(40, 5).select(["int8", "uint64", "float32"]), row_group_size=16)
    parquet("checksums", numbers(24, 5).select(["int32", "float32"]), write_page_checksum=True, compression="gzip", data_page_size=256)
    parquet("checksums_v2", numbers(24, 5).select(["int32", "float32"]), write_page_checksum=True, data_page_version="2.0")
    parquet("indexed", numbers(24, 5).select(["int32", "float32"]), write_page_index=True, write_statistics=True)
    parquet("times", times(12))
    parquet("times_nulls", times(12, 3).select(["ts_s", "tz_us", "span_ns", "date32", "date64", "time_s", "time_us"]), data_page_version="2.0")
    parquet("times_24", times(12).select(["ts_ns", "tz_ns", "ts_s"]), version="2.4")
    parquet("times_10", times(12, 4).select(["ts_s", "tz_us", "ts_ns", "span_ns", "date32", "time_ns"]), version="1.0")
    parquet("times_us", times(12, 4).select(["ts_s", "tz_s", "ts_ms"]), coerce_timestamps="us")
    parquet("int96", times(12, 6).select(["ts_s", "tz_ms", "ts_us", "ts_ns"]), use_deprecated_int96_timestamps=True)
    parquet("bare_times", times(12, 4).select(["ts_s", "tz_us", "ts_ns", "date32", "date64", "time_s", "time_ns"]), store_schema=False)
    parquet("bare", numbers(24, 5), store_schema=False)
    parquet("bare_version_1", numbers(24, 5).select(["int16", "uint32", "uint64", "float16"]), store_schema=False, version="1.0")
    parquet("version_1", numbers(24, 5).select(["int16", "uint32", "uint64", "float16"]), version="1.0")
    parquet("bare_others", pa.table({**others(10), "n": ints("int32", 10)}), store_schema=False)
    parquet("others", (lambda t: t.select(t.column_names[:-10]))(among_others(n=10)))
    parquet("others_v2", among_others().select(["first", "text", "kind", "tags", "number 3", "vector 10", "map", "last"]), data_page_version="2.0", compression="lz4")
    parquet("nulls_only", pa.table({"n": pa.nulls(20, pa.int32()), "f": pa.nulls(20, pa.float64()), "v": pa.nulls(20, pa.list_(pa.float32(), 3))}), compression="lz4")
    parquet("nulls_only_v2", pa.table({"n": pa.nulls(20, pa.int32()), "f": pa.nulls(20, pa.float64()), "v": pa.nulls(20, pa.list_(pa.float32(), 3))}), compression="snappy", data_page_version="2.0")
    half = pa.table({"n": pa.array([None] * 40 + list(range(40)), pa.int32()), "f": pa.array([None] * 40 + [i / 4 for i in range(40)])})
    for page in ["1.0", "2.0"]:
        how = {"data_page_size": 16, "write_batch_size": 8, "data_page_version": page}
        parquet(f"null_pages_v{page[0]}", half, **how)
        parquet(f"null_pages_delta_v{page[0]}", half, use_dictionary=False, column_encoding={"n": "DELTA_BINARY_PACKED", "f": "BYTE_STREAM_SPLIT"}, **how)
    parquet("required", pa.table([ints("int32"), floats("float64"), fixed(np.arange(2.0 * N), 2)],
            schema=pa.schema([pa.field("n", pa.int32(), False), pa.field("f", pa.float64(), False), pa.field("v", pa.list_(pa.float64(), 2), False)])))
    parquet("names", pa.table([ints("int32", 20), ints("int32", 20), ints("int32", 20), ints("int32", 20), ints("int32", 20), pa.array([{"b": i} for i in range(20)])],
            names=["a.b", "größe 😀", "", "a b", "list.element", "a"]))
    parquet("empty", numbers(10).select(["int8", "float64"]).slice(0, 0))
    parquet("empty_lists", lists(10).select(["both"]).slice(0, 0))
    with pq.ParquetWriter(HERE / "no_groups.parquet", numbers(10).select(["int8", "float64"]).schema):
        pass
    keep(HERE / "no_groups.parquet")
    parquet("view", pa.table({"view": pa.array(["a", "b"], pa.string_view()), "n": pa.array([1, 2])}))
    parquet("small_money", small_money())
    tensor = pa.FixedShapeTensorArray.from_numpy_ndarray(np.arange(24, dtype="float32").reshape(4, 2, 3))
    parquet("tensor", pa.table({"image": tensor, "n": pa.array([1, 2, 3, 4])}))
    parquet("extensions", pa.table({"id": pa.array([b"0123456789abcdef"] * 2, pa.uuid()), "doc": pa.array(["{}", None], pa.json_()), "n": pa.array([1, 2])}))


def parquet_of_others():
    try:
        import duckdb
        sql = """select i, i::tinyint i8, (i*500)::smallint i16, i::integer i32, (i*1000000007)::bigint i64, i::utinyint u8, i::usmallint u16, i::uinteger u32, i::ubigint u64,
            case when i%3=0 then null else i/7 end f64, (i/7)::float f32, i::varchar text, i%2=0 flag, timestamp '2024-01-01' + interval (i) hour at_us,
            timestamptz '2024-01-01 00:00:00Z' + interval (i) hour at_tz, (timestamp '2024-01-01' + interval (i) hour)::timestamp_ns at_ns,
            (timestamp '2024-01-01' + interval (i) hour)::timestamp_s at_s, (timestamp '2024-01-01' + interval (i) hour)::timestamp_ms at_ms,
            date '2024-01-01' + i::integer as day, time '01:02:03' + interval (i) second as clock, (i/4)::decimal(9,2) money, interval (i) day as gap, uuid '00000000-0000-0000-0000-000000000001' id,
            [i, i+1]::integer[] list, array_value(i::float, 0.5::float) pair, {'a': i, 'b': [i]} nested, map([i], [i]) lookup, i::hugeint huge, 'x'::blob blob, (case when i%2=0 then 'a' else 'b' end)::enum('a', 'b') kind
            from range(24) t(i)"""
        choice = {"duckdb": "* exclude (i, text, money, gap, id, list, nested, lookup, huge, blob, kind, flag)",
                  "duckdb_new": "i, {'a': i}::variant v, 'POINT(0 0)'::geometry shape, i::varchar::json doc, i::bignum big, f64",
                  "duckdb_others": "i8, text, money, gap, id, list, pair, nested, i16, lookup, huge, blob, kind, flag, clock"}
        for name, how in {"duckdb": "", "duckdb_others": "", "duckdb_new": "", "duckdb_v2": ", parquet_version v2", "duckdb_zstd": ", compression zstd, row_group_size 2048", 
                          "duckdb_lz4_raw": ", compression lz4_raw", "duckdb_bare": ", compression uncompressed, parquet_version v2"}.items():
            path = HERE / (name + ".parquet")
            q = "select " + choice.get(name, "i64, u32, f64, flag, at_us") + " from (" + sql + ")"
            duckdb.sql(f"copy ({q}) to '{path}' (format parquet{how})")
            keep(path)
    except ImportError:
        print("no duckdb")
    try:
        import fastparquet
        import pandas as pd
        df = pd.DataFrame({"i64": np.arange(40), "i32": np.arange(40, dtype="int32"), "i8": np.arange(-20, 20, dtype="int8"), "u16": np.arange(40, dtype="uint16"),
                           "f64": np.arange(40) / 7, "f32": (np.arange(40) / 7).astype("float32"), "text": [str(i) for i in range(40)],
                           "flag": np.arange(40) % 3 == 0, "some": pd.array([None if i % 5 == 0 else i for i in range(40)], dtype="Int64"),
                           "kind": pd.Categorical(["a", "b"] * 20), "at": pd.date_range("2024-01-01", periods=40, freq="h")})
        df["f64"] = df["f64"].where(df["f64"] > 1)
        for name, how in {"fastparquet": {}, "fastparquet_int96": {"times": "int96"}, "fastparquet_gzip": {"compression": "GZIP", "row_group_offsets": 15},
                          "fastparquet_optional": {"has_nulls": True, "compression": "ZSTD"}, "fastparquet_required": {"has_nulls": False}}.items():
            path = HERE / (name + ".parquet")
            fastparquet.write(str(path), df if name == "fastparquet" else df[["i32", "f64", "text", "at"]], **how)
            keep(path)
    except ImportError:
        print("no fastparquet")
    try:
        import polars as pl
        n = 20
        df = pl.DataFrame({
            "i8": pl.Series(range(-10, 10), dtype=pl.Int8), "i64": pl.Series([None if i % 3 == 0 else i << 40 for i in range(n)], dtype=pl.Int64),
            "u16": pl.Series(range(n), dtype=pl.UInt16), "f32": pl.Series([i / 8 for i in range(n)], dtype=pl.Float32), "f64": pl.Series([i / 7 for i in range(n)]),
            "text": pl.Series([str(i) for i in range(n)]), "kind": pl.Series(["a", "b"] * 10, dtype=pl.Categorical), "flag": pl.Series([i % 3 == 0 for i in range(n)]),
            "day": pl.Series(range(n), dtype=pl.Int32).cast(pl.Date), "at": pl.Series(range(n)).cast(pl.Datetime("us", "UTC")), "span": pl.Series(range(n)).cast(pl.Duration("ms")),
            "clock": pl.Series(range(n)).cast(pl.Time), "steps": pl.Series([[i] for i in range(n)]), "pair": pl.Series([None if i % 5 == 1 else [i, i / 4] for i in range(n)], dtype=pl.Array(pl.Float32, 2)),
            "nested": pl.Series([{"a": i} for i in range(n)]), "nothing": pl.Series([None] * n), "money": pl.Series(range(n)).cast(pl.Decimal(9, 2))})
        for name, how in {"polars": {}, "polars_lz4": {"compression": "lz4", "row_group_size": 13}, "polars_gzip_pages": {"compression": "gzip", "data_page_size": 32, "statistics": False}}.items():
            path = HERE / (name + ".parquet")
            (df if name == "polars" else df.select("i8", "i64", "f32", "pair", "at", "text")).write_parquet(path, **how)
            keep(path)
        for name, how in {"polars": {}, "polars_zstd": {"compression": "zstd"}, "polars_lz4": {"compression": "lz4"}}.items():
            path = ARROW / (name + ".arrow")
            df.select(["i64", "text", "f32"] + ([] if how else ["i8", "kind", "steps", "flag", "pair", "nested", "nothing", "at", "money"])).write_ipc(path, **how)
            with open(path, "rb") as f:
                keep(path, ipc.open_file(f).read_all())
        path = ARROW / "polars.arrows"
        df.select("text", "i64", "pair").write_ipc_stream(path)
        with open(path, "rb") as f:
            keep(path, ipc.open_stream(f).read_all())
    except ImportError:
        print("no polars")


def arrow_files():
    for codec in [None, "lz4", "zstd"]:
        name = codec or "plain"
        for stream in [False, True]:
            arrow(name, numbers(90, 7).select(["int8", "uint64", "float32"]), stream=stream, compression=codec, batch=64)
            if codec != "lz4" and stream == (codec == "zstd"):
                half = among_others(True)
                half = half.select(half.column_names[stream * half.num_columns // 2:][:half.num_columns // 2 + 1])
                arrow(name + "_others", half, stream=stream, compression=codec)
    arrow("zstd_22", numbers(24).select(["float32"]), compression=pa.Codec("zstd", 22))
    arrow("times", times(12))
    arrow("times_nulls", times(12, 3).select(["ts_s", "tz_us", "span_ns", "date64", "time_s"]), stream=True, compression="lz4")
    arrow("lists", lists(20).select(["bytes", "both", "null rows", "halves"]), batch=12)
    arrow("lists_zstd", lists(20).select(["floats", "null elements", "both", "days", "spoilt"]), batch=12, compression="zstd")
    arrow("sliced", lists(30).select(["bytes", "both", "required"]).slice(7, 13), compression="lz4")
    b = among_others(True).select(["first", "text", "number 0", "kind", "flag", "nothing", "view", "number 6", "tags", "vector 10", "union", "runs", "last"]).combine_chunks().to_batches()[0]
    arrow("sliced_others", [b.slice(3, 4), b.slice(7, 0), b.slice(7, 3)])
    arrow("empty", [pa.RecordBatch.from_pylist([], numbers(10).select(["int8", "float64"]).schema)])
    arrow("old_alignment", numbers(24).select(["int8", "float64"]), allow_64bit=True, use_legacy_format=True, stream=True)
    arrow("version_4", among_others(n=10).select(["first", "text", "number 0", "kind", "vector 5", "nothing", "last"]), metadata_version=ipc.MetadataVersion.V4)
    k = pa.array([str(i % 4) for i in range(40)]).dictionary_encode()
    t = pa.table({"kind": pa.chunked_array([k[:20], pa.array([str(i % 7) for i in range(20)]).dictionary_encode()]), "n": ints("int32", 40, 3)})
    arrow("dictionaries", t, stream=True, batch=10)
    arrow("dictionary_deltas", pa.table({"kind": pa.chunked_array([pa.DictionaryArray.from_arrays([0, 1], ["a", "b"]), pa.DictionaryArray.from_arrays([2, 1], ["a", "b", "c"])]), "n": ints("int32", 4)}),
          stream=True, emit_dictionary_deltas=True)
    arrow("small_money", small_money())
    arrow("flat", pa.table({"zero": np.zeros(400000), "n": np.zeros(400000, "int8")}), compression="zstd")
    arrow("names", pa.table([ints("int32", 20), ints("int32", 20), ints("int32", 20)], names=["a.b", "größe 😀", ""]))
    tensor = pa.FixedShapeTensorArray.from_numpy_ndarray(np.arange(24, dtype="float32").reshape(4, 2, 3))
    arrow("tensor", pa.table({"image": tensor, "n": pa.array([1, 2, 3, 4])}))


parquet_files()
parquet_of_others()
arrow_files()
for folder, files in expected.items():
    path = folder / "expected.json"
    old = json.loads(path.read_text()) if path.exists() else {}
    for name in old:
        if name not in files and name.startswith(("duckdb", "fastparquet", "polars")) and (folder / name).exists():
            files[name] = old[name]
    path.write_text("{\n" + ",\n".join(json.dumps(k) + ": " + json.dumps(v, ensure_ascii=False, separators=(",", ":")) for k, v in sorted(files.items())) + "\n}\n")
