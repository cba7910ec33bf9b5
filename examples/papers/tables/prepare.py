"""Makes power.parquet, the table of POWER-HY, from UCI's household_power_consumption.txt.

    python prepare.py household_power_consumption.txt

The file is that of Individual Household Electric Power Consumption, G. Hebrail and A. Berard, UCI Machine
Learning Repository, https://doi.org/10.24432/C58K54, CC BY 4.0. As in the code of MAF (datasets/power.py), what
is left out is the date, global intensity and global reactive power, and rows with missing values; time is the
minute of the day. Rows are those of January to June 2007 (hence HY, half a year): figures are not those of POWER.
A Parquet file with the columns of the original and `timestamp` is taken too.
"""
import sys

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq

KEPT = ["global_active_power", "voltage", "sub_metering_1", "sub_metering_2", "sub_metering_3"]


def read(name):
    if name.endswith(".parquet"):
        return pq.read_table(name)
    t = csv.read_csv(name, parse_options=csv.ParseOptions(delimiter=";"),
                     convert_options=csv.ConvertOptions(null_values=["?", ""], column_types={"Date": pa.string(), "Time": pa.string()}))
    stamp = pc.strptime(pc.binary_join_element_wise(t["Date"], t["Time"], " "), format="%d/%m/%Y %H:%M:%S", unit="us")
    t = t.rename_columns([c.lower() for c in t.column_names]).append_column("timestamp", stamp)
    first, last = pa.scalar("2007-01-01", pa.string()).cast(pa.timestamp("us")), pa.scalar("2007-07-01", pa.string()).cast(pa.timestamp("us"))
    return t.filter(pc.and_(pc.greater_equal(stamp, first), pc.less(stamp, last)))


def main():
    t = read(sys.argv[1])
    minute = pc.add(pc.multiply(pc.hour(t["timestamp"]), 60), pc.minute(t["timestamp"]))
    t = t.select(KEPT).append_column("time", minute).drop_null()
    t = t.cast(pa.schema([(c, pa.float64()) for c in t.column_names]))
    # Decimal fractions as they are written, not as float32 has them.
    t = pa.table({c: pc.round(t[c], 3) for c in t.column_names})
    pq.write_table(t, "power.parquet", compression="zstd")
    print(t.num_rows, "rows")


if __name__ == "__main__":
    main()
