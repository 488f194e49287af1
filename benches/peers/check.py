"""Compare the outputs of two or more runs, to the row.

Each argument is a directory: a warehouse of streamledger (`tables/plays`, `tables/trends_daily`),
the output of a peer (`plays`, `trends_daily`) or the output of the oracle (`plays.tsv`,
`trends_daily.tsv`). The first is the reference. Compared are

* the names of the columns, and the order of the rows inside each Parquet file;
* `plays` by date, verdict and reason: rows, plays, played time, measured, threshold, distinct
  listeners;
* `plays` row by row, all columns but `listener` (each run has its own hash) and `report`. Where two
  runs name their reports alike, `report` is compared as well;
* `trends_daily` by date, verdict and reason, and row by row, all columns.

Exit code 1 if anything differs. Where a date has several reports and the runs name them
differently, they may break ties of the duplicate rule differently too: then compare runs that name
them alike (`naive.py --content-ids` names them as the product does).
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb

import vocabulary as v

TEXT = "VARCHAR"
PLAYS_TYPES = {
    "row": "BIGINT",
    "reported_date": "DATE",
    "isrc": TEXT,
    "upc": TEXT,
    "store_track": TEXT,
    "territory": TEXT,
    "tier": TEXT,
    "tier_code": TEXT,
    "use_type": TEXT,
    "offline": "BOOLEAN",
    "played_ms": "BIGINT",
    "track_ms": "BIGINT",
    "source": TEXT,
    "device": TEXT,
    "plays": "BIGINT",
    "verdict": TEXT,
    "reason": TEXT,
    "measured": "BIGINT",
    "threshold": "BIGINT",
}
TRENDS_TYPES = {
    "date": "DATE",
    "listened_month": TEXT,
    "isrc": TEXT,
    "store_track": TEXT,
    "upc": TEXT,
    "territory": TEXT,
    "tier": TEXT,
    "offline": "BOOLEAN",
    "verdict": TEXT,
    "reason": TEXT,
    "plays": "BIGINT",
    "played_ms": "BIGINT",
    "listeners": "BIGINT",
}
# A peer may write its listener hash in two halves.
LISTENERS = (["listener"], ["listener_hi", "listener_lo"])
N_EXAMPLES = 5
# Sorts after every isrc and store_track, which are letters and digits: nulls come last.
LAST = "'~'"
PLAYS_ORDER = (
    f'(coalesce(isrc, {LAST}), coalesce(store_track, {LAST}), epoch_ms(listened_at), report, "row")'
)
TRENDS_ORDER = (
    "(" + ", ".join(f"coalesce({name}::VARCHAR, {LAST})" for name in v.TRENDS_GRAIN) + ")"
)

PLAYS_SUMMARY = """
    SELECT verdict, reason, count(*) AS n_rows, sum(plays) AS plays, sum(played_ms) AS played_ms,
           sum(measured) AS measured, sum(threshold) AS threshold,
           count(DISTINCT listener) AS listeners
    FROM {} GROUP BY ALL ORDER BY ALL"""
TRENDS_SUMMARY = """
    SELECT date, verdict, reason, count(*) AS n_groups, sum(plays) AS plays,
           sum(played_ms) AS played_ms, sum(listeners) AS listeners
    FROM {} GROUP BY ALL ORDER BY ALL"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("reference", type=Path)
    parser.add_argument("others", type=Path, nargs="+")
    parser.add_argument("--store", default=v.STORE, help=f"whose plays (default {v.STORE})")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()

    db = duckdb.connect(config={"threads": arguments.threads})
    reference = Run(arguments.reference, arguments.store)
    differences = check_form(db, reference)
    for path in arguments.others:
        other = Run(path, arguments.store)
        print(f"\n{other.root} against {reference.root}")
        differences += check_form(db, other)
        differences += compare_plays(db, reference, other)
        differences += compare_trends(db, reference, other)
    print(f"\n{'DIFFERENT: ' + str(differences) + ' differences' if differences else 'EQUAL'}")
    sys.exit(1 if differences else 0)


@dataclass
class Run:
    """One output directory, in whichever of the three layouts."""

    root: Path
    store: str

    def __post_init__(self) -> None:
        tables = self.root / "tables"
        self.tables = tables if tables.is_dir() else self.root
        self.is_oracle = (self.root / "plays.tsv").is_file()

    def files(self, table: str, partition: str = "**") -> list[Path]:
        """The Parquet files of a table, or of one partition of it."""
        return sorted((self.tables / table / f"store={self.store}").glob(f"{partition}/*.parquet"))

    def source(self, table: str, partition: str = "**") -> str:
        if self.is_oracle:
            # Null is an empty cell; without quoting, so that a quote is a character like any other.
            return (
                f"read_csv('{self.root / table}.tsv', delim = '\t', header = true, quote = '',"
                " escape = '', all_varchar = true)"
            )
        names = [str(path) for path in self.files(table, partition)]
        return f"read_parquet({names}, hive_partitioning = false)"

    def dates(self, db: duckdb.DuckDBPyConnection) -> list[str]:
        if self.is_oracle:
            rows = db.execute(
                f"SELECT DISTINCT date FROM {self.source('plays')} ORDER BY 1"
            ).fetchall()
            return [date for (date,) in rows]
        return sorted({path.parent.name.removeprefix("date=") for path in self.files("plays")})

    def columns(self, db: duckdb.DuckDBPyConnection, table: str) -> list[str]:
        return [row[0] for row in db.execute(f"DESCRIBE FROM {self.source(table)}").fetchall()]


def check_form(db: duckdb.DuckDBPyConnection, run: Run) -> int:
    """Names of columns, and the order inside the files; of the oracle only that it is there."""
    if run.is_oracle:
        return 0
    differences = 0
    for table, expected, order in (
        ("plays", v.PLAYS, PLAYS_ORDER),
        ("trends_daily", v.TRENDS, TRENDS_ORDER),
    ):
        files = run.files(table)
        if not files:
            raise SystemExit(f"{run.root}: no Parquet files of {table}")
        found = set(run.columns(db, table))
        allowed = [set(expected) - {"listener"} | set(listener) for listener in LISTENERS]
        if found not in (set(expected), *allowed):
            print(f"{run.root}: columns of {table} differ: {sorted(found ^ set(expected))}")
            differences += 1
            continue
        for path in files:
            (n_out_of_order,) = db.execute(
                f"""SELECT count(*) FROM (
                        SELECT {order} AS key, lag(key) OVER () AS before
                        FROM read_parquet('{path}', hive_partitioning = false))
                    WHERE key < before"""
            ).fetchone()
            if n_out_of_order:
                print(f"{path}: {n_out_of_order} rows out of order")
                differences += 1
    return differences


def compare_plays(db: duckdb.DuckDBPyConnection, reference: Run, other: Run) -> int:
    dates = reference.dates(db)
    if dates != other.dates(db):
        print(f"plays: dates differ: {sorted(set(dates) ^ set(other.dates(db)))}")
        return 1
    differences, n_rows = 0, 0
    for date in dates:
        load_plays(db, "a", reference, date)
        load_plays(db, "b", other, date)
        n_rows += db.execute("SELECT count(*) FROM a").fetchone()[0]
        differences += compare_summaries(db, f"plays of {date}", PLAYS_SUMMARY)
        differences += compare_play_rows(db, date)
    if not differences:
        print(f"plays: {n_rows:,} rows on {len(dates)} dates are equal")
    return differences


def load_plays(db: duckdb.DuckDBPyConnection, name: str, run: Run, date: str) -> None:
    columns = run.columns(db, "plays")
    listener = next(names for names in LISTENERS if set(names) <= set(columns))
    # Two halves are joined by a sign, so that they cannot run together to the same text.
    listener_text = " || ':' || ".join(f"{column}::VARCHAR" for column in listener)
    listened_ms = "listened_at::BIGINT" if run.is_oracle else "epoch_ms(listened_at)"
    typed = ", ".join(f'"{column}"::{type} AS "{column}"' for column, type in PLAYS_TYPES.items())
    where = f"WHERE date = '{date}'" if run.is_oracle else ""
    db.execute(
        f"""CREATE OR REPLACE TEMP TABLE {name} AS
            SELECT report, {typed}, {listened_ms} AS listened_ms, {listener_text} AS listener
            FROM {run.source("plays", f"month={date[:7]}/date={date}")} {where}"""
    )


def compare_summaries(db: duckdb.DuckDBPyConnection, what: str, summary: str) -> int:
    cursor = db.execute(summary.format("a"))
    names = [column[0] for column in cursor.description]
    a = set(cursor.fetchall())
    b = set(db.execute(summary.format("b")).fetchall())
    if a == b:
        return 0
    print(f"{what}: totals differ ({', '.join(names)})")
    for mark, rows in (("-", a - b), ("+", b - a)):
        for row in sorted(rows, key=str):
            print("  ", mark, *(str(cell) for cell in row))
    return 1


def compare_play_rows(db: duckdb.DuckDBPyConnection, date: str) -> int:
    compared = [*PLAYS_TYPES, "listened_ms"]
    reports_a, reports_b = (
        {report for (report,) in db.execute(f"SELECT DISTINCT report FROM {side}").fetchall()}
        for side in "ab"
    )
    if reports_a == reports_b:
        compared.append("report")
    columns = ", ".join(f'"{name}"' for name in compared)
    # The sum of the hashes does not depend on the order; only a difference is looked at closely.
    fingerprint = f"SELECT count(*), sum(hash({columns})) FROM "
    if db.execute(fingerprint + "a").fetchone() == db.execute(fingerprint + "b").fetchone():
        return 0
    if reports_a == reports_b:
        show_differing_cells(db, date, compared, "report, row")
    elif len(reports_a) == len(reports_b) == 1:
        show_differing_cells(db, date, compared, "row")
    else:
        print(f"plays of {date}: rows differ; {len(reports_a)} and {len(reports_b)} reports")
        show_unmatched(db, columns)
    return 1


def show_differing_cells(
    db: duckdb.DuckDBPyConnection, date: str, compared: list[str], key: str
) -> None:
    print(f"plays of {date}: rows differ")
    for what, one, two in (("missing", "a", "b"), ("additional", "b", "a")):
        db.execute(
            f"CREATE OR REPLACE TEMP TABLE unmatched AS FROM {one} ANTI JOIN {two} USING ({key})"
        )
        show_examples(db, "unmatched", f"{what} rows ({key})", key)
    for name in compared:
        if name not in key.split(", "):
            db.execute(
                f"""CREATE OR REPLACE TEMP TABLE unmatched AS
                    SELECT {key}, a."{name}" AS reference, b."{name}" AS other
                    FROM a JOIN b USING ({key}) WHERE reference IS DISTINCT FROM other"""
            )
            show_examples(db, "unmatched", f"{name} ({key}, reference, other)", "*")


def show_examples(db: duckdb.DuckDBPyConnection, table: str, title: str, columns: str) -> None:
    (total,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()
    if total:
        print(f"   {total} {title}, such as")
        examples = f"SELECT {columns} FROM {table} ORDER BY ALL LIMIT {N_EXAMPLES}"
        for row in db.execute(examples).fetchall():
            print("     ", *row)


def compare_trends(db: duckdb.DuckDBPyConnection, reference: Run, other: Run) -> int:
    typed = ", ".join(f"{column}::{type} AS {column}" for column, type in TRENDS_TYPES.items())
    for name, run in (("a", reference), ("b", other)):
        db.execute(
            f"CREATE OR REPLACE TEMP TABLE {name} AS"
            f" SELECT {typed} FROM {run.source('trends_daily')}"
        )
    differences = compare_summaries(db, "trends_daily", TRENDS_SUMMARY)
    columns = ", ".join(TRENDS_TYPES)
    fingerprint = f"SELECT count(*), sum(hash({columns})) FROM "
    a, b = (db.execute(fingerprint + side).fetchone() for side in "ab")
    if a != b:
        print("trends_daily: rows differ")
        show_unmatched(db, columns)
        differences += 1
    if not differences:
        print(f"trends_daily: {a[0]:,} rows are equal")
    return differences


def show_unmatched(db: duckdb.DuckDBPyConnection, columns: str) -> None:
    print("  ", columns)
    for what, one, two in (("missing", "a", "b"), ("additional", "b", "a")):
        db.execute(
            f"""CREATE OR REPLACE TEMP TABLE unmatched AS
                SELECT {columns} FROM {one} EXCEPT ALL SELECT {columns} FROM {two}"""
        )
        show_examples(db, "unmatched", f"{what} rows", columns)


if __name__ == "__main__":
    main()
