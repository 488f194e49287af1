"""Reads two tables in a loop until a file appears, and tells what each engine saw.

Run in the folder of the warehouse. A reader lists the files and then looks at each. Through the link
`tables` a swap in between takes files away from under it: some engines fail then, others leave out what
is gone and say nothing. So each read is of the snapshot that the link points at when it begins, as the
README tells; what it sees must be that snapshot, in all tables that it looks at.
"""

import json
import os
import sys


def folder():
    return os.path.realpath("warehouse/tables")


def duckdb_reader():
    import duckdb

    files = "read_parquet('{}/{}/**/*.parquet', hive_partitioning=true)"

    def read():
        tables = folder()
        plays, trends = files.format(tables, "plays"), files.format(tables, "trends_daily")
        query = f"""
            SELECT (SELECT count(*) FROM {plays}), (SELECT sum(plays) FROM {plays}),
                   (SELECT count(DISTINCT date) FROM {plays}),
                   (SELECT sum(plays) FROM {trends}), (SELECT count(DISTINCT date) FROM {trends})"""
        return tables, duckdb.sql(query).fetchall()[0]

    return read, (duckdb.Error, OSError)


def polars_reader():
    import polars

    def sums(tables, table):
        frame = polars.scan_parquet(f"{tables}/{table}/**/*.parquet", hive_partitioning=True)
        wanted = [polars.len(), polars.col("plays").sum(), polars.col("date").n_unique()]
        return frame.select(wanted).collect(engine="streaming").row(0)

    def read():
        tables = folder()
        return tables, sums(tables, "plays") + sums(tables, "trends_daily")[1:]

    return read, (polars.exceptions.PolarsError, OSError)


def pyarrow_reader():
    import pyarrow
    import pyarrow.compute
    import pyarrow.dataset

    def sums(tables, table):
        dataset = pyarrow.dataset.dataset(
            f"{tables}/{table}", format="parquet", partitioning="hive"
        )
        table = dataset.to_table(columns=["plays", "date"])
        dates = pyarrow.compute.count_distinct(table["date"]).as_py()
        return table.num_rows, pyarrow.compute.sum(table["plays"]).as_py(), dates

    def read():
        tables = folder()
        return tables, sums(tables, "plays") + sums(tables, "trends_daily")[1:]

    return read, (pyarrow.ArrowException, OSError)


def main():
    engine, stop = sys.argv[1:]
    read, errors = {
        "duckdb": duckdb_reader,
        "polars": polars_reader,
        "pyarrow": pyarrow_reader,
    }[engine]()
    seen, failed, messages, snapshots = {}, 0, set(), set()
    print("ready", flush=True)
    while not os.path.exists(stop):
        try:
            snapshot, numbers = read()
            snapshots.add(snapshot)
            key = ",".join(str(int(number)) for number in numbers)
            seen[key] = seen.get(key, 0) + 1
        except errors as error:
            failed += 1
            messages.add(str(error).splitlines()[0][:200])
    told = {"seen": seen, "failed": failed, "messages": sorted(messages)[:5]}
    print(json.dumps(told | {"snapshots": len(snapshots)}))


main()
