#!/usr/bin/env python3
"""Compares the tables of two warehouses by value, table by table.

    target/python/bin/python benches/compare_tables.py OLD NEW [--ignore TABLE.COLUMN ...] [--first 5]

OLD and NEW are folders of tables (`warehouse/tables`). A table whose files have the same names and bytes is the
same. Another one is read and compared: columns and their types, then all rows, first with the order in their
partition, then without. Columns that only one side has, and those of `--ignore` (`*` for any table, or for all
columns), are left out of the rows. Differing rows are printed from both sides. `deliveries` tells when reports
came and differs between any two warehouses: `--ignore 'deliveries.*'`.

Exit code 0: all rows agree; 1: some differ.
"""

import argparse
import hashlib
import pathlib
import sys

import duckdb

# Its place in its partition: files of a partition are in the order of their names.
PLACE = "row_number() OVER (PARTITION BY {keys} ORDER BY filename, file_row_number)"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=pathlib.Path, metavar="OLD")
    parser.add_argument("new", type=pathlib.Path, metavar="NEW")
    parser.add_argument("--ignore", nargs="*", default=[], metavar="TABLE.COLUMN")
    parser.add_argument("--first", type=int, default=5, metavar="N", help="how many differing rows are printed")
    options = parser.parse_args()
    folders = [options.old.resolve(strict=True), options.new.resolve(strict=True)]
    names = sorted({path.name for folder in folders for path in folder.iterdir() if path.is_dir()})
    if not names:
        parser.error("there is no table in either folder")
    same = True
    for name in names:
        verdict, is_same = compare(name, folders, options)
        print(f"{name:18} {verdict}")
        same &= is_same
    return 0 if same else 1


def compare(name: str, folders: list[pathlib.Path], options: argparse.Namespace) -> tuple[str, bool]:
    """What to say of a table, and whether its rows are the same."""
    files = [hashes_of(folder / name) for folder in folders]
    if not all(files):
        return f"only in {folders[0] if files[0] else folders[1]}", False
    if files[0] == files[1]:
        return f"same bytes ({len(files[0])} files)", True
    ignored = {entry.split(".", 1)[1] for entry in options.ignore if entry.split(".", 1)[0] in ("*", name)}
    if "*" in ignored:
        return "not compared", True
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    columns = [open_table(database, view, folder / name) for view, folder in zip(("a", "b"), folders)]
    notes = [
        f"column {column}: {columns[0].get(column, 'none')} -> {columns[1].get(column, 'none')}"
        for column in dict.fromkeys([*columns[0], *columns[1]])
        if columns[0].get(column) != columns[1].get(column)
    ]
    shared = [f'"{column}"' for column in columns[0] if column in columns[1] and column not in ignored]
    rows = [count(database, view) for view in ("a", "b")]
    about = "; ".join([f"{rows[0]:,} rows", *notes, *(["without " + ", ".join(sorted(ignored))] if ignored else [])])
    if not differing(database, [*shared, "place"]):
        return f"same rows in the same order, other bytes ({about})", True
    found = differing(database, shared)
    if not found:
        return f"same rows in another order ({about})", True
    shown = [f"  {side} {row}" for side in "-+" for row in sample(database, shared, side, options.first)]
    text = f"DIFFERS: {found[0]:,} rows only in OLD, {found[1]:,} only in NEW, of {rows[0]:,} and {rows[1]:,} ({about})"
    return "\n".join([text, f"    {', '.join(shared)}", *shown]), False


def hashes_of(folder: pathlib.Path) -> dict[str, str]:
    """BLAKE2 of the files of a table by path."""
    paths = sorted(folder.rglob("*.parquet"))
    return {str(path.relative_to(folder)): hashlib.blake2b(path.read_bytes()).hexdigest() for path in paths}


def open_table(database: duckdb.DuckDBPyConnection, view: str, folder: pathlib.Path) -> dict[str, str]:
    """Makes a view of a table with the place of each row in its partition; gives the types of its columns."""
    first = next(folder.rglob("*.parquet")).relative_to(folder).parts[:-1]
    keys = ", ".join(f'"{part.split("=", 1)[0]}"' for part in first) or "1"
    database.execute(
        f"CREATE VIEW {view} AS SELECT *, {PLACE.format(keys=keys)} AS place FROM read_parquet("
        f"'{folder}/**/*.parquet', hive_partitioning = true, hive_types_autocast = false, union_by_name = true, "
        "filename = true, file_row_number = true)"
    )
    own = ("place", "filename", "file_row_number")
    described = database.execute(f"DESCRIBE {view}").fetchall()
    return {name: kind for name, kind, *_ in described if name not in own}


def count(database: duckdb.DuckDBPyConnection, view: str) -> int:
    return database.execute(f"SELECT count(*) FROM {view}").fetchone()[0]


def rows_only_in(columns: list[str], side: str) -> str:
    one, other = ("a", "b") if side == "-" else ("b", "a")
    names = ", ".join(columns)
    return f"(SELECT {names} FROM {one} EXCEPT ALL SELECT {names} FROM {other})"


def differing(database: duckdb.DuckDBPyConnection, columns: list[str]) -> tuple[int, int] | None:
    """Numbers of rows that only one side has; none if there are none."""
    numbers = [database.execute(f"SELECT count(*) FROM {rows_only_in(columns, side)}").fetchone()[0] for side in "-+"]
    return tuple(numbers) if any(numbers) else None


def sample(database: duckdb.DuckDBPyConnection, columns: list[str], side: str, first: int) -> list[str]:
    query = f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM {rows_only_in(columns, side)} ORDER BY ALL LIMIT {first}"
    rows = database.execute(query).fetchall()
    return [" | ".join(cell or "" for cell in row) for row in rows]


if __name__ == "__main__":
    sys.exit(main())
