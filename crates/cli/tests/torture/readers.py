"""Reads a table in a loop until a file appears, and tells what each engine saw.

Run in the folder of the warehouse. A reader lists the files and then looks at each. Through the link
`tables` a flip in between takes files away from under it: some engines fail then, others leave out what
is gone and say nothing. So each read is of the snapshot that the link points at when it begins, as the
README tells; what it sees must be that snapshot.
"""

import json
import os
import sys


def folder():
    return os.path.realpath("warehouse/tables") + "/plays"


def duckdb_reader():
    import duckdb

    query = "SELECT count(*), sum(plays), count(DISTINCT date) FROM read_parquet('{}/**/*.parquet')"
    return lambda: duckdb.sql(query.format(folder())).fetchall()[0], (duckdb.Error, OSError)


def polars_reader():
    import polars

    def read():
        frame = polars.scan_parquet(folder() + "/**/*.parquet", hive_partitioning=True)
        return frame.select(
            polars.len(), polars.col("plays").sum(), polars.col("date").n_unique()
        ).collect(engine="streaming").row(0)

    return read, (polars.exceptions.PolarsError, OSError)


def pyarrow_reader():
    import pyarrow
    import pyarrow.compute
    import pyarrow.dataset

    def read():
        dataset = pyarrow.dataset.dataset(
            folder(), format="parquet", partitioning="hive"
        )
        table = dataset.to_table(columns=["plays", "date"])
        dates = pyarrow.compute.count_distinct(table["date"]).as_py()
        return table.num_rows, pyarrow.compute.sum(table["plays"]).as_py(), dates

    return read, (pyarrow.ArrowException, OSError)


def main():
    engine, stop = sys.argv[1:]
    read, errors = {
        "duckdb": duckdb_reader,
        "polars": polars_reader,
        "pyarrow": pyarrow_reader,
    }[engine]()
    seen, failed, messages = {}, 0, set()
    print("ready", flush=True)
    while not os.path.exists(stop):
        try:
            key = ",".join(str(int(number)) for number in read())
            seen[key] = seen.get(key, 0) + 1
        except errors as error:
            failed += 1
            messages.add(str(error).splitlines()[0][:200])
    print(json.dumps({"seen": seen, "failed": failed, "messages": sorted(messages)[:5]}))


main()
