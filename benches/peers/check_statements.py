"""Compare `sales` and `sales_monthly` of two runs, to the row.

Each argument is a directory: a warehouse of streamledger, or the output of a peer. Compared are the
partitions, the columns, the order of the rows inside each file, and all cells but `report`, which each
run names as it likes. Exit code 1 if anything differs.
"""

import argparse
import sys
from pathlib import Path

import duckdb

from duckdb_statements import MONTHLY, MONTHLY_GRAIN, SALES

# Nulls come last.
ORDERS = {
    "sales": ("coalesce(isrc, '~')", '"row"'),
    "sales_monthly": tuple(f"coalesce({name}::VARCHAR, '~')" for name in MONTHLY_GRAIN),
}
COLUMNS = {"sales": SALES, "sales_monthly": MONTHLY}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reference", type=Path)
    parser.add_argument("other", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    roots = [tables_of(arguments.reference), tables_of(arguments.other)]
    db = duckdb.connect(config={"threads": arguments.threads})
    differences = sum(compare(db, table, roots) for table in COLUMNS)
    print(f"{'DIFFERENT: ' + str(differences) + ' differences' if differences else 'EQUAL'}")
    sys.exit(1 if differences else 0)


def tables_of(root: Path) -> Path:
    tables = root / "tables"
    return tables if tables.is_dir() else root


def files_of(root: Path, table: str) -> dict[str, list[Path]]:
    """The files of each partition."""
    partitions: dict[str, list[Path]] = {}
    for path in sorted((root / table).glob("store=*/month=*/*.parquet")):
        partitions.setdefault(f"{path.parent.parent.name}/{path.parent.name}", []).append(path)
    return partitions


def compare(db: duckdb.DuckDBPyConnection, table: str, roots: list[Path]) -> int:
    one, two = (files_of(root, table) for root in roots)
    if one.keys() != two.keys() or not one:
        print(f"{table}: partitions differ: {sorted(one.keys() ^ two.keys())}")
        return 1
    differences, n_rows = 0, 0
    columns = ", ".join(f'"{name}"' for name in COLUMNS[table] if name != "report")
    for partition in one:
        sources = []
        for files in (one[partition], two[partition]):
            source = f"read_parquet({[str(path) for path in files]}, hive_partitioning = false)"
            names = [row[0] for row in db.execute(f"DESCRIBE FROM {source}").fetchall()]
            if names != list(COLUMNS[table]):
                print(f"{table} {partition}: columns are {names}")
                differences += 1
            differences += out_of_order(db, table, files)
            sources.append(source)
        n_rows += db.execute(f"SELECT count(*) FROM {sources[0]}").fetchone()[0]
        for what, first, second in (("missing", *sources), ("additional", *reversed(sources))):
            rows = db.execute(
                f"SELECT {columns} FROM {first} EXCEPT ALL SELECT {columns} FROM {second} LIMIT 5"
            ).fetchall()
            differences += len(rows)
            for row in rows:
                print(f"{table} {partition}: {what}: {row}")
    if not differences:
        print(f"{table}: {n_rows:,} rows in {len(one)} partitions are equal")
    return differences


def out_of_order(db: duckdb.DuckDBPyConnection, table: str, files: list[Path]) -> int:
    key = ", ".join(ORDERS[table])
    found = 0
    for path in files:
        (n_rows,) = db.execute(
            f"""SELECT count(*) FROM (
                    SELECT ({key}) AS key, lag(({key})) OVER () AS before
                    FROM read_parquet('{path}', hive_partitioning = false))
                WHERE key < before"""
        ).fetchone()
        if n_rows:
            print(f"{path}: {n_rows} rows out of order")
            found += 1
    return found


if __name__ == "__main__":
    main()
