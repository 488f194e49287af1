"""The benchmark's work on statements in DuckDB SQL: DistroKid's layout in, `sales` and `sales_monthly` out.

Written for speed, as someone who knows DuckDB would. What carries it:

* Cells are read as text, by all threads, into a table whose `rowid` is the order of the report.
* Whatever has few distinct values (codes of a recording, shop, country) is normalised once per value in
  a small table and joined.
* Lines are sorted once; a partition is a range of the sorted table, which is written as it lies.

What the measurement allows to differ from the product: the report's id is that of its path, and rows
must be well-formed (nothing is quarantined).
"""

import hashlib
import tomllib
from pathlib import Path

import duckdb

import vocabulary as v
from duckdb_job import IDENTIFIERS, create_mapping

STORE = "distrokid"
STORES = Path(__file__).resolve().parents[2] / "pipelines" / "stores"
COLUMNS = {
    "reporting_date": "VARCHAR",
    "sale_month": "VARCHAR",
    "shop": "VARCHAR",
    "artist": "VARCHAR",
    "title": "VARCHAR",
    "isrc": "VARCHAR",
    "upc": "VARCHAR",
    "quantity": "VARCHAR",
    "team_percentage": "VARCHAR",
    "kind": "VARCHAR",
    "country": "VARCHAR",
    "withheld": "VARCHAR",
    "earnings": "VARCHAR",
}
SALES = (
    "report row usage_from usage_to statement_period reported_date isrc upc store_track territory tier "
    "tier_code use_type offline units amount amount_text currency royalty_bearing line_type pool shop grid "
    "id_text"
).split()
MONTHLY_GRAIN = (
    "statement_period isrc upc territory tier tier_code use_type line_type royalty_bearing currency"
).split()
MONTHLY = [*MONTHLY_GRAIN, "units", "amount", "lines"]

LOAD = """
CREATE TABLE loaded AS
SELECT reporting_date, sale_month, shop, isrc, upc, country,
       quantity::BIGINT AS units, earnings::DECIMAL(38, 12) AS amount
FROM read_csv({file}, auto_detect = false, columns = {columns}, header = true, delim = '\t',
              quote = '', escape = '', nullstr = '');
"""

# Small tables with numbers that sort as their texts do.
NORMALIZE = """
CREATE TABLE items AS
WITH cells AS (SELECT DISTINCT isrc AS raw_isrc, upc AS raw_upc FROM loaded)
SELECT *, isrc_of(raw_isrc) AS isrc, upc_of(raw_upc) AS upc,
       dense_rank() OVER (ORDER BY isrc_of(raw_isrc) NULLS LAST)::UINTEGER AS isrc_no
FROM cells;

CREATE TABLE shop_stores AS
SELECT shop, coalesce(s.store, '{store}') AS store
FROM (SELECT DISTINCT shop FROM loaded) LEFT JOIN shops s ON lower(shop) = s.name;

CREATE TABLE countries AS
SELECT country, territory
FROM (SELECT DISTINCT country FROM loaded) JOIN territories ON code = upper(country);

CREATE TABLE months AS
SELECT sale_month, (sale_month || '-01')::DATE AS usage_from, last_day((sale_month || '-01')::DATE) AS usage_to
FROM (SELECT DISTINCT sale_month FROM loaded);

CREATE TABLE sorted AS
SELECT store, l.sale_month AS month, (l.rowid + 1)::BIGINT AS row, usage_from, usage_to,
       reporting_date::DATE AS reported_date, i.isrc, i.upc, territory, units, amount, l.shop
FROM loaded l
JOIN items i ON l.isrc IS NOT DISTINCT FROM i.raw_isrc AND l.upc IS NOT DISTINCT FROM i.raw_upc
JOIN shop_stores s ON l.shop = s.shop
JOIN countries c ON l.country = c.country
JOIN months m ON l.sale_month = m.sale_month
ORDER BY store, month, isrc_no, l.rowid;
"""

CONSTANTS = """'{report}' AS report, NULL::VARCHAR AS statement_period, NULL::VARCHAR AS store_track,
    'unknown' AS tier, NULL::VARCHAR AS tier_code, 'stream' AS use_type, NULL::BOOLEAN AS offline,
    NULL::VARCHAR AS amount_text, 'USD' AS currency, NULL::BOOLEAN AS royalty_bearing, 'sale' AS line_type,
    NULL::VARCHAR AS pool, NULL::VARCHAR AS grid, NULL::VARCHAR AS id_text"""

MONTHLY_SUMS = """
SELECT NULL::VARCHAR AS statement_period, isrc, upc, territory, 'unknown' AS tier, NULL::VARCHAR AS tier_code,
       'stream' AS use_type, 'sale' AS line_type, NULL::BOOLEAN AS royalty_bearing, 'USD' AS currency,
       sum(units)::BIGINT AS units, sum(amount)::DECIMAL(38, 12) AS amount, count(*) AS lines
FROM sorted WHERE {where} GROUP BY isrc, upc, territory
ORDER BY isrc NULLS LAST, upc NULLS LAST, territory NULLS LAST
"""


def main() -> None:
    arguments = v.read_arguments(__doc__)
    (file,) = sorted((arguments.inbox / STORE).glob("*.tsv"))
    report = hashlib.md5(file.name.encode()).hexdigest()[:16]
    with duckdb.connect(config={"threads": arguments.threads}) as db:
        load(db, file)
        partitions = db.execute("SELECT DISTINCT store, month FROM sorted ORDER BY ALL").fetchall()
        for store, month in partitions:
            write_partition(db, arguments.out, (store, month), report)


def load(db: duckdb.DuckDBPyConnection, file: Path) -> None:
    db.execute(IDENTIFIERS)
    shops = {}
    for path in sorted(STORES.glob("*.toml")):
        settings = tomllib.loads(path.read_text())
        shops |= {name.lower(): settings["store"] for name in settings.get("shops", [])}
    create_mapping(db, "shops (name VARCHAR, store VARCHAR)", shops)
    codes = {code: code for code in v.TERRITORIES} | v.TERRITORY_ALIASES
    create_mapping(db, "territories (code VARCHAR, territory VARCHAR)", codes)
    db.execute(LOAD.format(file=repr(str(file)), columns=COLUMNS))
    for statement in NORMALIZE.format(store=STORE).split(";\n"):
        db.execute(statement)


def write_partition(
    db: duckdb.DuckDBPyConnection, out: Path, partition: tuple[str, str], report: str
) -> None:
    store, month = partition
    where = f"store = '{store}' AND month = '{month}'"
    lines = f"SELECT {', '.join(SALES)} FROM (SELECT *, {CONSTANTS.format(report=report)} FROM sorted WHERE {where})"
    sums = f"SELECT {', '.join(MONTHLY)} FROM ({MONTHLY_SUMS.format(where=where)})"
    for table, query in (("sales", lines), ("sales_monthly", sums)):
        folder = out / table / f"store={store}" / f"month={month}"
        folder.mkdir(parents=True, exist_ok=True)
        db.execute(
            f"COPY ({query}) TO '{folder / 'part-0000.parquet'}'"
            " (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 1048576)"
        )


if __name__ == "__main__":
    main()
