"""Recomputes the sums of the tables with DuckDB and counts every row of every report.

Run in the folder of the warehouse; prints what differs, nothing if all is well.
"""

import glob

import duckdb

TABLES = "warehouse/tables"


def scan(table):
    return f"read_parquet('{TABLES}/{table}/**/*.parquet', hive_partitioning=true)"


def differ(what, query):
    rows = duckdb.sql(f"SELECT * FROM ({query}) LIMIT 3").fetchall()
    if rows:
        print(f"{what}: {rows}")


GRAIN = """date, listened_month, isrc, store_track, upc, territory, tier, offline, verdict, reason"""

PLAYS = f"""
SELECT store, date::DATE AS date, strftime(listened_at, '%Y-%m') AS listened_month, isrc,
       CASE WHEN isrc IS NULL THEN store_track END AS store_track, upc, territory, tier, offline,
       verdict, reason, sum(plays)::BIGINT AS plays, sum(played_ms * plays)::BIGINT AS played_ms,
       nullif(count(DISTINCT listener), 0) AS listeners
FROM {scan("plays")} GROUP BY ALL"""

TRENDS = f"SELECT store, {GRAIN}, plays, played_ms, listeners FROM {scan('trends_daily')}"

LINES = f"""
SELECT store, month, statement_period, isrc, upc, territory, tier, use_type, currency,
       sum(units)::BIGINT AS units, sum(amount) AS amount, count(*) AS lines
FROM {scan("sales")} GROUP BY ALL"""

MONTHLY = f"""
SELECT store, month, statement_period, isrc, upc, territory, tier, use_type, currency, units,
       amount, lines
FROM {scan("sales_monthly")}"""

ROWS = f"""
SELECT report, row FROM {scan("plays")}
UNION ALL SELECT report, row FROM {scan("sales")}"""

COUNTED = f"""
WITH found AS (SELECT report, count(*) AS n FROM ({ROWS}) GROUP BY report)
SELECT reports.report, reports.rows, reports.quarantined, coalesce(found.n, 0) AS found
FROM {scan("reports")} AS reports LEFT JOIN found USING (report)
WHERE coalesce(found.n, 0) != CASE reports.state WHEN 'active' THEN rows - quarantined ELSE 0 END"""

# Of a rejected report some of the bad rows are kept, of others all.
QUARANTINED = f"""
WITH found AS (
    SELECT report, count(row) AS n, count(*) FILTER (row IS NULL) AS whole
    FROM {scan("quarantine")} GROUP BY report)
SELECT reports.report, reports.state, reports.quarantined, found.n, found.whole
FROM {scan("reports")} AS reports LEFT JOIN found USING (report)
WHERE (coalesce(found.n, 0), coalesce(found.whole, 0)) != CASE reports.state
    WHEN 'rejected' THEN (least(coalesce(quarantined, 0), 100), 1)
    WHEN 'superseded' THEN (0, 0)
    ELSE (quarantined, 0) END"""

TWICE = f"""
SELECT report, row FROM {scan("quarantine")} WHERE row IS NOT NULL GROUP BY ALL HAVING 1 < count(*)"""

BOTH = f"SELECT report, row FROM {scan('quarantine')} INTERSECT ({ROWS})"

differ("plays that trends_daily does not have", f"{PLAYS} EXCEPT ALL {TRENDS}")
differ("trends_daily that plays does not have", f"{TRENDS} EXCEPT ALL {PLAYS}")
differ("sales that sales_monthly does not have", f"{LINES} EXCEPT ALL {MONTHLY}")
differ("sales_monthly that sales does not have", f"{MONTHLY} EXCEPT ALL {LINES}")
differ("rows that are there twice", f"SELECT report, row FROM ({ROWS}) GROUP BY ALL HAVING 1 < count(*)")
differ("reports whose rows are not all there", COUNTED)
if glob.glob(f"{TABLES}/quarantine/**/*.parquet", recursive=True):
    differ("reports whose bad rows are not all in quarantine", QUARANTINED)
    differ("rows that are in quarantine twice", TWICE)
    differ("rows that are ingested and in quarantine", BOTH)
else:
    differ("bad rows that are nowhere", f"SELECT report FROM {scan('reports')} WHERE 0 < quarantined AND state != 'superseded'")
