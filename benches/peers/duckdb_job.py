"""The benchmark's work in DuckDB SQL: raw-streams reports in, `plays` and `trends_daily` out.

Written for speed, as someone who knows DuckDB would. What carries it:

* One counted date at a time, as many at once as there are threads, each in a single-threaded
  database of its own. That is as fast as all dates in one database, because a report is inflated by
  one thread anyhow, and takes little more than half the memory.
* Cells are read as text and only the used columns are parsed. Whatever has few distinct values
  (track, codes, country) is normalised once per value in a small table and joined, not once per
  row.
* Rows are numbered by the `rowid` of the table that they are loaded into, which keeps the order of
  the report; a `row_number()` over the reader would tie it to one thread.
* No window and no distinct count runs over all rows. A cheap group-by finds the few groups that a
  rule could apply to at all, a semi join takes their rows, and only these are measured.
* The listener is the MD5 of the store's id as a UUID: 16 bytes in memory and in Parquet.

What the measurement allows to differ from the product: the report's id comes from its path, cells
of nothing but blanks are not looked for, rows must be well-formed (nothing is quarantined),
`trends_daily` has a file for each date in its month, and `listened_at` has milliseconds but, as
DuckDB knows none together with a zone, no mark of UTC.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb

import vocabulary as v

# Enums, which group and sort as small numbers: by position, hence in the order of the alphabet.
TIERS = tuple(
    sorted({"unmapped", "unknown", *v.TIER_BY_PRODUCT.values(), *v.TIER_BY_ACCESS.values()})
)
VERDICTS = ("counted", "excluded", "held")
REASONS = (
    "duplicate",
    "duration_missing",
    "impossible_time",
    "impossible_volume",
    "low_variety",
    "offline_expired",
    "repeater",
    "short_cluster",
    "too_short",
)

# The digits of a number of up to 14, from the right: arithmetic, for a list of them would take ten times as long.
WEIGHTED_DIGITS = tuple(
    f"{1 + place % 2 * 2} * (digits::BIGINT // {10**place} % 10)" for place in range(14)
)

# How codes of recordings and releases are read, of plays and of statements.
IDENTIFIERS = f"""
CREATE MACRO isrc_of(cell) AS nullif(regexp_extract(
    replace(replace(upper(cell), '-', ''), ' ', ''),
    '^(?:ISRC)?([A-Z]{{2}}[A-Z0-9]{{3}}[0-9]{{7}})$', 1), '');
-- Weights 1, 3, 1, 3 ... from the right, check digit included.
CREATE MACRO has_check_digit(digits) AS ({" + ".join(WEIGHTED_DIGITS)}) % 10 = 0;
CREATE MACRO upc_of(cell) AS
    CASE WHEN NOT regexp_full_match(cell, '[0-9]+') OR length(cell) NOT IN {v.UPC_LENGTHS} THEN NULL
         WHEN has_check_digit(cell) THEN cell END;
"""

DEFINITIONS = f"""
CREATE TYPE verdict AS ENUM {VERDICTS};
CREATE TYPE reason AS ENUM {REASONS};
CREATE TYPE tier AS ENUM {TIERS};
CREATE TYPE territory AS ENUM {tuple(sorted(v.TERRITORIES))};

-- Seconds and time stamps are cut to milliseconds. A cast rounds, so no digit after the third
-- decimal may reach it.
CREATE MACRO three_decimals(cell) AS
    CASE WHEN contains(cell, '.') THEN left(cell, strpos(cell, '.') + 3) ELSE cell END;
CREATE MACRO ms_of_seconds(cell) AS
    CASE WHEN contains(cell, '.') THEN (three_decimals(cell)::DECIMAL(18, 3) * 1000)::BIGINT
         ELSE cell::BIGINT * 1000 END;

-- A time without a zone is UTC; one with a zone is moved to UTC, which a TIMESTAMP would not do.
SET TimeZone = 'UTC';
CREATE MACRO ms_of_time(cell) AS
    CASE WHEN cell[5] = '-' THEN epoch_us(cell::TIMESTAMPTZ)
         ELSE epoch_us(strptime(cell, '%Y%m%dT%H:%M:%S')) END // 1000;
CREATE MACRO ms_of_epoch(number) AS
    CASE WHEN number > {v.EPOCH_MS_ABOVE} THEN trunc(number)::BIGINT
         WHEN number > 0 THEN (number * 1000)::BIGINT END;
CREATE MACRO ms_of_stamp(cell) AS
    CASE WHEN regexp_full_match(cell, '[0-9.]+')
         THEN ms_of_epoch(three_decimals(cell)::DECIMAL(20, 3))
         ELSE ms_of_time(cell) END;
CREATE MACRO date_of(cell) AS
    CASE WHEN cell[5] = '-' THEN cell::DATE ELSE strptime(cell, '%Y%m%d')::DATE END;

{IDENTIFIERS}"""

LOAD = """
CREATE TABLE loaded AS
SELECT report, date_of(day) AS date, stamp IS NOT NULL AS exact,
       make_timestamp_ms(coalesce(stamp, ms_of_time(log_time))) AS listened_at,
       isrc AS raw_isrc, upc AS raw_upc, track_id AS store_track,
       md5_number(customer_id)::UUID AS listener, country_code, financial_product, access, offline,
       ms_of_seconds(stream_length) AS played_ms, stream_source AS source, stream_device AS device
FROM (SELECT *, file_index::UINTEGER AS report, stream_cached::BOOLEAN AS offline,
             CASE WHEN stream_cached::BOOLEAN THEN ms_of_stamp(offline_timestamp) END AS stamp
      FROM read_csv({files}, auto_detect = false, columns = {columns}, header = true,
                    delim = '\t', quote = '', escape = '', parallel = false));
"""

# Numbers stand for texts from here on: `sort_no` for the order of plays, `track_no` for the track
# (the ISRC, or the store's id where there is none), `grain_no` for its part of the daily grain.
NORMALIZE = """
CREATE TABLE first_rows AS
SELECT report, min(rowid) AS first_id, max(rowid) - min(rowid) + 1 = count(*) AS unbroken
FROM loaded GROUP BY report;

CREATE TABLE tracks AS
WITH cells AS (SELECT DISTINCT raw_isrc, raw_upc, store_track FROM loaded),
read AS (SELECT *, isrc_of(raw_isrc) AS isrc, upc_of(raw_upc) AS upc FROM cells),
keyed AS (SELECT *, CASE WHEN isrc IS NULL THEN store_track END AS only_track FROM read)
SELECT *,
       dense_rank() OVER (ORDER BY isrc NULLS LAST, store_track NULLS LAST)::UINTEGER AS sort_no,
       dense_rank() OVER (ORDER BY isrc NULLS LAST, only_track NULLS LAST)::UINTEGER AS track_no,
       dense_rank() OVER (ORDER BY isrc NULLS LAST, only_track NULLS LAST, upc NULLS LAST)::UINTEGER
           AS grain_no
FROM keyed;

CREATE TABLE codes AS
SELECT financial_product, access,
       nullif(concat_ws('|', financial_product, access), '') AS tier_code,
       CASE WHEN financial_product IS NOT NULL THEN coalesce(p.tier, 'unmapped')
            WHEN access IS NOT NULL THEN coalesce(a.tier, 'unmapped')
            ELSE 'unknown' END::tier AS tier
FROM (SELECT DISTINCT financial_product, access FROM loaded)
LEFT JOIN product_tiers p ON p.code = financial_product
LEFT JOIN access_tiers a ON a.code = access;

CREATE TABLE countries AS
SELECT country_code, territory::territory AS territory
FROM (SELECT DISTINCT country_code FROM loaded)
JOIN territories ON code = upper(trim(country_code));

CREATE MACRO same_track(play, track) AS
    play.raw_isrc IS NOT DISTINCT FROM track.raw_isrc
    AND play.raw_upc IS NOT DISTINCT FROM track.raw_upc
    AND play.store_track IS NOT DISTINCT FROM track.store_track;
"""

# Rule 1. The track, which needs a join, is compared only among plays alike in the rest: few.
DUPLICATES = f"""
CREATE TABLE duplicates AS
WITH repeated AS (
    SELECT listener, listened_at, played_ms FROM loaded WHERE listener IS NOT NULL
    GROUP BY ALL HAVING count(*) > 1),
alike AS (
    SELECT l.rowid AS id, report, l.listener, track_no, l.listened_at, exact, l.played_ms
    FROM loaded l JOIN tracks t ON same_track(l, t)
    SEMI JOIN repeated r ON l.listener = r.listener AND l.listened_at = r.listened_at
                        AND l.played_ms IS NOT DISTINCT FROM r.played_ms),
counted AS (
    SELECT *, count(*) OVER same_play AS n_rows, count(*) OVER in_report AS n_in_report,
           row_number() OVER (in_report ORDER BY id) AS position
    FROM alike
    WINDOW same_play AS (PARTITION BY listener, track_no, listened_at, exact, played_ms),
           in_report AS (PARTITION BY listener, track_no, listened_at, exact, played_ms, report)),
ranked AS (
    SELECT *, max(n_in_report) OVER same_play AS most,
           first_value(report) OVER (same_play ORDER BY n_in_report DESC, report) AS keeper,
           CASE WHEN NOT exact AND played_ms > 0 THEN greatest(1, ({v.CLOCK_MS} + played_ms - 1) // played_ms)
                ELSE 1 END AS fit
    FROM counted
    WINDOW same_play AS (PARTITION BY listener, track_no, listened_at, exact, played_ms))
SELECT id, n_rows AS measured, least(fit, most) AS threshold
FROM ranked WHERE report <> keeper OR position > fit;
"""

# Rules 4 to 8. A listener-day below both bounds can break none of them, whatever rules 1 to 3 take.
SUSPECTS = f"""
CREATE TABLE suspects AS
WITH busy AS (
    SELECT listener, listened_at::DATE AS listened_on FROM loaded
    WHERE listener IS NOT NULL AND played_ms >= {v.TOO_SHORT_BELOW_MS}
    GROUP BY ALL
    HAVING count(*) >= {v.CLUSTER_FROM_PLAYS} OR sum(played_ms) > {v.TIME_ABOVE_MS})
SELECT l.rowid AS id, l.listener, b.listened_on, track_no, played_ms
FROM loaded l
JOIN busy b ON l.listener = b.listener AND l.listened_at::DATE = b.listened_on
JOIN tracks t ON same_track(l, t)
ANTI JOIN duplicates d ON l.rowid = d.id
WHERE played_ms >= {v.TOO_SHORT_BELOW_MS}
  AND NOT (offline IS TRUE AND date - b.listened_on > {v.OFFLINE_DAYS});

CREATE TABLE listener_days AS
WITH totals AS (
    SELECT listener, listened_on, count(*) AS n_plays, sum(played_ms)::BIGINT AS total_ms,
           max(played_ms) AS longest_ms,
           10000 * count(*) FILTER (played_ms BETWEEN {v.CLUSTER_FROM_MS} AND {v.CLUSTER_TO_MS})
               // count(*) AS short_share
    FROM suspects GROUP BY ALL),
distincts AS (
    SELECT listener, listened_on, count(DISTINCT played_ms) AS n_lengths,
           count(DISTINCT track_no) AS n_tracks
    FROM suspects SEMI JOIN (FROM totals WHERE n_plays >= {v.VARIETY_FROM_PLAYS})
         USING (listener, listened_on)
    GROUP BY ALL)
SELECT *, n_plays > {v.VOLUME_ABOVE} AS volume, total_ms > {v.TIME_ABOVE_MS} AS time,
       n_plays >= {v.VARIETY_FROM_PLAYS}
       AND (n_lengths <= {v.VARIETY_LENGTHS} OR longest_ms <= {v.VARIETY_LONGEST_MS}
            OR n_lengths = n_tracks) AS variety,
       n_plays >= {v.CLUSTER_FROM_PLAYS} AND short_share >= {v.CLUSTER_BASIS_POINTS} AS cluster
FROM totals LEFT JOIN distincts USING (listener, listened_on);

CREATE TABLE track_days AS
SELECT listener, listened_on, track_no, count(*) AS n_repeats
FROM suspects GROUP BY ALL HAVING count(*) >= {v.REPEATER_FROM_PLAYS};

CREATE TABLE marks AS
SELECT id, 'duplicate'::reason AS reason, measured, threshold FROM duplicates
UNION ALL
SELECT id,
       CASE WHEN volume THEN 'impossible_volume' WHEN time THEN 'impossible_time'
            WHEN variety THEN 'low_variety' WHEN n_repeats IS NOT NULL THEN 'repeater'
            ELSE 'short_cluster' END::reason,
       CASE WHEN volume THEN n_plays WHEN time THEN total_ms WHEN variety THEN n_plays
            WHEN n_repeats IS NOT NULL THEN n_repeats ELSE short_share END,
       CASE WHEN volume THEN {v.VOLUME_ABOVE} WHEN time THEN {v.TIME_ABOVE_MS}
            WHEN variety THEN {v.VARIETY_FROM_PLAYS}
            WHEN n_repeats IS NOT NULL THEN {v.REPEATER_FROM_PLAYS}
            ELSE {v.CLUSTER_BASIS_POINTS} END
FROM suspects JOIN listener_days USING (listener, listened_on)
LEFT JOIN track_days USING (listener, listened_on, track_no)
WHERE volume OR time OR variety OR n_repeats IS NOT NULL OR cluster;
"""

# Every row with its verdict. Rules 4 to 8 marked only rows that rules 1 to 3 let through, so a mark
# wins over rules 2 and 3, which are decided here.
JUDGED = f"""
CREATE VIEW judged AS
WITH plays AS (
    SELECT *, rowid AS id, listened_at::DATE AS listened_on,
           date - listened_at::DATE AS days_ago,
           CASE WHEN played_ms IS NULL THEN 'duration_missing'
                WHEN played_ms < {v.TOO_SHORT_BELOW_MS} THEN 'too_short'
                WHEN offline AND days_ago > {v.OFFLINE_DAYS} THEN 'offline_expired'
                END::reason AS own
    FROM loaded)
SELECT p.id, date, listened_on, sort_no, grain_no,
       name AS report, (p.id - first_id + 1)::UINTEGER AS row, listened_at,
       NULL::DATE AS reported_date, isrc, upc, p.store_track, listener, territory, tier, tier_code,
       'stream' AS use_type, offline, played_ms, NULL::BIGINT AS track_ms, source, device,
       1::BIGINT AS plays,
       CASE WHEN coalesce(m.reason, own) IS NULL THEN 'counted'
            WHEN coalesce(m.reason, own) IN ('duration_missing', 'repeater', 'short_cluster')
            THEN 'held' ELSE 'excluded' END::verdict AS verdict,
       coalesce(m.reason, own) AS reason,
       CASE WHEN m.reason IS NOT NULL THEN measured WHEN own = 'too_short' THEN played_ms
            WHEN own = 'offline_expired' THEN days_ago END AS measured,
       CASE WHEN m.reason IS NOT NULL THEN threshold
            WHEN own = 'too_short' THEN {v.TOO_SHORT_BELOW_MS}
            WHEN own = 'offline_expired' THEN {v.OFFLINE_DAYS} END AS threshold
FROM plays p
JOIN reports USING (report) JOIN first_rows USING (report)
JOIN tracks t ON same_track(p, t)
JOIN codes c ON p.financial_product IS NOT DISTINCT FROM c.financial_product
            AND p.access IS NOT DISTINCT FROM c.access
LEFT JOIN countries USING (country_code)
LEFT JOIN marks m USING (id);
"""

# Distinct listeners by two plain group-bys, one with the listener and one without: half the time of
# `count(DISTINCT listener)` on groups this small.
TRENDS = """
CREATE TABLE trends AS
WITH by_listener AS (
    SELECT date, date_trunc('month', listened_on)::DATE AS month, grain_no, territory, tier,
           offline, verdict, reason, listener, sum(plays)::BIGINT AS plays,
           sum(played_ms)::BIGINT AS played_ms
    FROM judged GROUP BY ALL)
SELECT date, month, grain_no, territory, tier, offline, verdict, reason,
       sum(plays)::BIGINT AS plays, sum(played_ms)::BIGINT AS played_ms,
       nullif(count(listener), 0) AS listeners
FROM by_listener GROUP BY ALL;

CREATE VIEW trends_daily AS
SELECT t.*, strftime(month, '%Y-%m') AS listened_month, isrc, only_track AS store_track, upc
FROM trends t
JOIN (SELECT DISTINCT grain_no, isrc, only_track, upc FROM tracks) USING (grain_no);
"""

# `id` is in the order of (report, row): reports are loaded in the order of their ids.
PLAYS_ORDER = "sort_no, listened_at, id"
TRENDS_ORDER = """month, grain_no, territory NULLS LAST, tier, offline NULLS LAST, verdict,
    reason NULLS LAST"""


def main() -> None:
    arguments = v.read_arguments(__doc__)

    days = v.reports_by_day(arguments.inbox)
    threads_per_day = max(1, arguments.threads // len(days))
    with ThreadPoolExecutor(arguments.threads) as pool:
        for done in [pool.submit(run_day, day, arguments.out, threads_per_day) for day in days]:
            done.result()


def run_day(reports: list[tuple[Path, str]], out: Path, threads: int) -> None:
    with duckdb.connect(config={"threads": threads}) as db:
        db.execute(DEFINITIONS)
        territories = {code: code for code in v.TERRITORIES} | v.TERRITORY_ALIASES
        names = {number: name for number, (_, name) in enumerate(reports)}
        create_mapping(db, "product_tiers (code VARCHAR, tier VARCHAR)", v.TIER_BY_PRODUCT)
        create_mapping(db, "access_tiers (code VARCHAR, tier VARCHAR)", v.TIER_BY_ACCESS)
        create_mapping(db, "territories (code VARCHAR, territory VARCHAR)", territories)
        create_mapping(db, "reports (report UINTEGER, name VARCHAR)", names)
        files = [str(path) for path, _ in reports]
        db.execute(LOAD.format(files=files, columns=dict.fromkeys(v.HEADER, "VARCHAR")))
        for stage in (NORMALIZE, DUPLICATES, SUSPECTS, JUDGED, TRENDS):
            db.execute(stage)
        write_day(db, out)


def create_mapping(db: duckdb.DuckDBPyConnection, table: str, mapping: dict) -> None:
    db.execute(f"CREATE TABLE {table}")
    values = [list(mapping), list(mapping.values())]
    db.execute(f"INSERT INTO {table.split()[0]} SELECT unnest(?), unnest(?)", values)


def write_day(db: duckdb.DuckDBPyConnection, out: Path) -> None:
    dates = db.execute("SELECT DISTINCT date FROM loaded").fetchall()
    unbroken = db.execute("SELECT bool_and(unbroken) FROM first_rows").fetchone()
    if len(dates) > 1 or unbroken != (True,):
        raise SystemExit("a report holds several counted dates, or was not loaded row after row")
    (date,) = dates[0]
    month = f"store={v.STORE}/month={date:%Y-%m}"
    for source, columns, order, path in (
        ("judged", v.PLAYS, PLAYS_ORDER, out / f"plays/{month}/date={date}/part-0.parquet"),
        ("trends_daily", v.TRENDS, TRENDS_ORDER, out / f"trends_daily/{month}/part-{date}.parquet"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        db.execute(
            f"COPY (SELECT {', '.join(columns)} FROM {source} ORDER BY {order})"
            f" TO '{path}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
        )


if __name__ == "__main__":
    main()
