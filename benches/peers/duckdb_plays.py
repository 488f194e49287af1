"""The benchmark's work on a plain table of plays in DuckDB SQL: Deezer's layout in, `plays` and `trends_daily` out.

Written for speed, as someone who knows DuckDB would. What carries it:

* One counted date at a time, as many at once as there are threads, each in a single-threaded database of
  its own, as in `duckdb_job.py`: a report is inflated by one thread anyhow.
* Cells are read as text and only the used columns are parsed. Whatever has few distinct values (track and
  its length, service, country) is normalised once per value in a small table and joined.
* Texts that are told apart but not looked into (codes, source, device) are enums from then on: a byte or
  two each, which sort, group and go into Parquet's dictionaries as numbers.
* One group-by of the listeners finds the few that a rule could apply to at all. Their lines are a small
  table, on which all rules that look at more than one line are asked; no window and no distinct count runs
  over all lines.
* Lines are sorted once, when they have their verdict. `plays` are written as they lie, and `trends_daily`
  is summed from them, so that the lines of a group stand together.

What the measurement allows to differ from the product: the report's id comes from its path, rows must be
well-formed (nothing is quarantined), cells of nothing but blanks and words for nothing such as `N/A` are
not looked for, a country is a code, not a name, days are written day first, and no play is heard before its
day, as the layout has no time.
"""

import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb

import vocabulary as v
from duckdb_job import DEFINITIONS, create_mapping

STORE = "deezer"
STORES = Path(__file__).resolve().parents[2] / "pipelines" / "stores"
# The store sends no times of day: its clock is rounded to one.
CLOCK_MS = 86_400_000
# A play that reaches so much of a known track length is complete.
COMPLETE_PERCENT = 95

# The report's columns, and their names here.
COLUMNS = {
    "Start Report": "day",
    "End Report": "last_day",
    "ISRC": "raw_isrc",
    "Artist": "artist",
    "Title": "title",
    "Album": "album",
    "UPC": "raw_upc",
    "Country": "country",
    "Nb of plays": "plays",
    "Royalties": "royalties",
    "Service": "service",
    "Provider": "provider",
    "provider_id": "provider_id",
    "Label": "label",
    "Service_name": "service_name",
    "Track_duration": "raw_length",
    "Play_percent": "percent",
    "Cached_play": "cached",
    "Context_type": "source",
    "Playlist_Id": "playlist_id",
    "Playlist_name": "playlist_name",
    "User_id": "user_id",
    "Gender": "gender",
    "Birth_year": "birth_year",
    "Device_type": "device",
    "OS": "os",
}

# The tier of a store's code: by its whole text, else by the first word that stands in it.
TIER_OF = """
CREATE MACRO tier_of(text) AS
    coalesce((SELECT tier FROM product_tiers WHERE lower(code) = lower(text)),
             (SELECT arg_min(tier, rowid) FROM tier_words
              WHERE list_contains(regexp_split_to_array(lower(text), '[^a-z0-9]+'), word)),
             CASE WHEN text IS NULL THEN 'unknown' ELSE 'unmapped' END);
"""

# Shares are thousandths of a percent, cut.
LOAD = """
CREATE TABLE loaded AS
SELECT file_index::UINTEGER AS report, day, raw_isrc, raw_upc, raw_length, country, service, source, device,
       md5_number(user_id)::UUID AS listener, plays::UINTEGER AS plays, cached::BOOLEAN AS offline,
       (three_decimals(percent)::DECIMAL(6, 3) * 1000)::BIGINT AS share
FROM read_csv({files}, auto_detect = false, columns = {columns}, header = true, delim = '\t',
              quote = '', escape = '', parallel = false);
"""

# Numbers stand for texts from here on: `track_no` for the recording (the ISRC, or where there is none what
# was written), which is also the order of plays, and `grain_no` for its part of the daily grain.
NORMALIZE = """
CREATE TABLE first_rows AS
SELECT report, min(rowid) AS first_id, max(rowid) - min(rowid) + 1 = count(*) AS unbroken,
       min(day) AS first_day, max(day) AS last_day
FROM loaded GROUP BY report;

CREATE TABLE upcs AS
SELECT raw_upc, upc_of(raw_upc) AS upc FROM (SELECT DISTINCT raw_upc FROM loaded);

CREATE TABLE tracks AS
WITH cells AS (SELECT DISTINCT raw_isrc, raw_upc, raw_length FROM loaded),
read AS (
    SELECT c.*, isrc_of(raw_isrc) AS isrc, upc, ms_of_seconds(raw_length) AS track_ms
    FROM cells c JOIN upcs u ON c.raw_upc IS NOT DISTINCT FROM u.raw_upc),
keyed AS (SELECT *, CASE WHEN isrc IS NULL THEN raw_isrc END AS store_track FROM read)
SELECT *,
       dense_rank() OVER (ORDER BY isrc NULLS LAST, store_track NULLS LAST)::UINTEGER AS track_no,
       dense_rank() OVER (ORDER BY isrc NULLS LAST, store_track NULLS LAST, upc NULLS LAST)::UINTEGER
           AS grain_no
FROM keyed;

CREATE TYPE use_type AS ENUM ('stream');
CREATE TYPE isrc AS ENUM (SELECT DISTINCT isrc FROM tracks WHERE isrc IS NOT NULL);
CREATE TYPE upc AS ENUM (SELECT DISTINCT upc FROM upcs WHERE upc IS NOT NULL);
CREATE TYPE store_track AS ENUM (SELECT DISTINCT store_track FROM tracks WHERE store_track IS NOT NULL);
CREATE TYPE tier_code AS ENUM (SELECT DISTINCT service FROM loaded WHERE service IS NOT NULL);
CREATE TYPE source AS ENUM (SELECT DISTINCT source FROM loaded WHERE source IS NOT NULL);
CREATE TYPE device AS ENUM (SELECT DISTINCT device FROM loaded WHERE device IS NOT NULL);

CREATE TABLE grains AS
SELECT DISTINCT grain_no, isrc::isrc AS isrc, upc::upc AS upc, store_track::store_track AS store_track
FROM tracks;

CREATE TABLE services AS
SELECT service, service::tier_code AS tier_code, tier_of(service)::tier AS tier
FROM (SELECT DISTINCT service FROM loaded);

CREATE TABLE countries AS
SELECT country, territory::territory AS territory
FROM (SELECT DISTINCT country FROM loaded) LEFT JOIN territories ON code = upper(country);

CREATE TABLE numbered AS
SELECT l.rowid AS id, l.report, track_no, grain_no, listener, territory, tier, tier_code, offline, plays,
       (track_ms * share // 100000)::UINTEGER AS played_ms, track_ms::UINTEGER AS track_ms,
       source::source AS source, device::device AS device
FROM loaded l
JOIN tracks t ON l.raw_isrc IS NOT DISTINCT FROM t.raw_isrc
             AND l.raw_upc IS NOT DISTINCT FROM t.raw_upc
             AND l.raw_length IS NOT DISTINCT FROM t.raw_length
JOIN services s ON l.service IS NOT DISTINCT FROM s.service
JOIN countries c ON l.country IS NOT DISTINCT FROM c.country;

DROP TABLE loaded;
"""

# The lines of listeners to whom a rule could apply: with enough plays or time for rules 4 to 8, or more
# lines than plays of one of their lengths can begin in a day (rule 1). Whoever is below all of these breaks
# none of them, whatever rules 1 and 2 take.
WATCHED = f"""
CREATE MACRO begin_in_a_day(ms) AS
    CASE WHEN ms > 0 THEN greatest(1, ({CLOCK_MS} + ms - 1) // ms) ELSE 1 END;

CREATE TABLE watched AS
WITH listeners AS (
    SELECT listener FROM numbered WHERE listener IS NOT NULL GROUP BY listener
    HAVING sum(plays) >= {v.CLUSTER_FROM_PLAYS} OR sum(plays * played_ms::BIGINT) > {v.TIME_ABOVE_MS}
        OR count(*) > least(begin_in_a_day(max(played_ms)), begin_in_a_day(min(coalesce(played_ms, 0))))
        OR min(report) <> max(report))
SELECT id, report, track_no, listener, plays, played_ms,
       coalesce(track_ms * {COMPLETE_PERCENT}::BIGINT <= played_ms * 100::BIGINT, false) AS complete
FROM numbered SEMI JOIN listeners USING (listener);
"""

# Rule 1. All plays of a day were heard at its midnight, as far as is known.
DUPLICATES = """
CREATE TABLE duplicates AS
WITH repeated AS (
    SELECT listener, track_no, played_ms FROM watched GROUP BY ALL
    HAVING count(*) > begin_in_a_day(played_ms) OR min(report) <> max(report)),
alike AS (
    SELECT w.* FROM watched w
    SEMI JOIN repeated r ON w.listener = r.listener AND w.track_no = r.track_no
                        AND w.played_ms IS NOT DISTINCT FROM r.played_ms),
counted AS (
    SELECT *, count(*) OVER same_play AS n_rows, count(*) OVER in_report AS n_in_report,
           row_number() OVER (in_report ORDER BY id) AS position
    FROM alike
    WINDOW same_play AS (PARTITION BY listener, track_no, played_ms),
           in_report AS (PARTITION BY listener, track_no, played_ms, report)),
ranked AS (
    SELECT *, max(n_in_report) OVER same_play AS most, begin_in_a_day(played_ms) AS fit,
           first_value(report) OVER (same_play ORDER BY n_in_report DESC, report) AS keeper
    FROM counted
    WINDOW same_play AS (PARTITION BY listener, track_no, played_ms))
SELECT id, n_rows AS measured, least(fit, most) AS threshold
FROM ranked WHERE report <> keeper OR position > fit;
"""

# Rules 4 to 8, over the lines that rules 1 and 2 let through. Complete plays are left out of the third sign
# of low variety, a length of its own for each track, and of short clusters.
LISTENER_DAYS = f"""
CREATE TABLE suspects AS
SELECT * FROM watched ANTI JOIN duplicates USING (id) WHERE played_ms >= {v.TOO_SHORT_BELOW_MS};

CREATE TABLE listener_days AS
WITH totals AS (
    SELECT listener, sum(plays)::BIGINT AS n_plays, sum(plays * played_ms::BIGINT)::BIGINT AS total_ms,
           max(played_ms) AS longest_ms, sum(plays) FILTER (NOT complete)::BIGINT AS n_cut,
           10000 * coalesce(sum(plays) FILTER (
               NOT complete AND played_ms BETWEEN {v.CLUSTER_FROM_MS} AND {v.CLUSTER_TO_MS})::BIGINT, 0)
               // n_cut AS short_share
    FROM suspects GROUP BY listener),
distincts AS (
    SELECT listener, count(DISTINCT played_ms) AS n_lengths,
           count(DISTINCT played_ms) FILTER (NOT complete) AS n_cut_lengths,
           count(DISTINCT track_no) FILTER (NOT complete) AS n_cut_tracks
    FROM suspects SEMI JOIN (FROM totals WHERE n_plays >= {v.VARIETY_FROM_PLAYS}) USING (listener)
    GROUP BY listener)
SELECT *, n_plays > {v.VOLUME_ABOVE} AS volume, total_ms > {v.TIME_ABOVE_MS} AS time,
       n_plays >= {v.VARIETY_FROM_PLAYS}
       AND (n_lengths <= {v.VARIETY_LENGTHS} OR longest_ms <= {v.VARIETY_LONGEST_MS}) AS variety,
       n_cut >= {v.VARIETY_FROM_PLAYS} AND n_cut_lengths = n_cut_tracks AS length_per_track,
       n_cut >= {v.CLUSTER_FROM_PLAYS} AND short_share >= {v.CLUSTER_BASIS_POINTS} AS cluster
FROM totals LEFT JOIN distincts USING (listener);

CREATE TABLE repeaters AS
SELECT listener, track_no, sum(plays)::BIGINT AS n_repeats
FROM suspects GROUP BY ALL HAVING sum(plays) >= {v.REPEATER_FROM_PLAYS};
"""

MARKS = f"""
CREATE TABLE marks AS
SELECT id, 'excluded'::verdict AS verdict, 'duplicate'::reason AS reason, measured, threshold
FROM duplicates
UNION ALL
SELECT id, CASE WHEN volume OR time OR variety THEN 'excluded' ELSE 'held' END::verdict,
       CASE WHEN volume THEN 'impossible_volume' WHEN time THEN 'impossible_time'
            WHEN variety OR length_per_track THEN 'low_variety'
            WHEN n_repeats IS NOT NULL THEN 'repeater' ELSE 'short_cluster' END::reason,
       CASE WHEN volume THEN n_plays WHEN time THEN total_ms WHEN variety OR length_per_track THEN n_plays
            WHEN n_repeats IS NOT NULL THEN n_repeats ELSE short_share END,
       CASE WHEN volume THEN {v.VOLUME_ABOVE} WHEN time THEN {v.TIME_ABOVE_MS}
            WHEN variety OR length_per_track THEN {v.VARIETY_FROM_PLAYS}
            WHEN n_repeats IS NOT NULL THEN {v.REPEATER_FROM_PLAYS} ELSE {v.CLUSTER_BASIS_POINTS} END
FROM suspects JOIN listener_days USING (listener) LEFT JOIN repeaters USING (listener, track_no)
WHERE volume OR time OR variety OR length_per_track OR n_repeats IS NOT NULL OR cluster;
"""

# Every line with its verdict, in the order of `plays`: `id` is in that of (report, row), as reports are
# loaded in the order of their ids. Rules 4 to 8 marked only lines that rule 2 lets through, which is decided
# here.
JUDGED = f"""
CREATE TABLE judged AS
SELECT name AS report, (n.id - first_id + 1)::UINTEGER AS row, grain_no, isrc, upc, store_track, listener,
       territory, tier, tier_code, offline, played_ms, track_ms, source, device, plays,
       CASE WHEN m.id IS NOT NULL THEN m.verdict WHEN played_ms IS NULL THEN 'held'::verdict
            WHEN played_ms < {v.TOO_SHORT_BELOW_MS} THEN 'excluded'::verdict
            ELSE 'counted'::verdict END AS verdict,
       CASE WHEN m.id IS NOT NULL THEN m.reason WHEN played_ms IS NULL THEN 'duration_missing'::reason
            WHEN played_ms < {v.TOO_SHORT_BELOW_MS} THEN 'too_short'::reason END AS reason,
       CASE WHEN m.id IS NOT NULL THEN measured
            WHEN played_ms < {v.TOO_SHORT_BELOW_MS} THEN played_ms END AS measured,
       CASE WHEN m.id IS NOT NULL THEN threshold
            WHEN played_ms < {v.TOO_SHORT_BELOW_MS} THEN {v.TOO_SHORT_BELOW_MS} END AS threshold
FROM numbered n JOIN grains USING (grain_no) JOIN reports USING (report) JOIN first_rows USING (report)
LEFT JOIN marks m USING (id)
ORDER BY track_no, n.id;

DROP TABLE numbered;
"""

# Nothing but a scan: a join would not keep the order where a date has more than one thread.
PLAYS = """
SELECT report, row::BIGINT AS row, '{date}'::TIMESTAMPTZ AS listened_at, NULL::DATE AS reported_date, isrc,
       upc, store_track, listener, territory, tier, tier_code, 'stream'::use_type AS use_type, offline,
       played_ms::BIGINT AS played_ms, track_ms::BIGINT AS track_ms, source, device, plays::BIGINT AS plays,
       verdict, reason, measured, threshold
FROM judged
"""

# Distinct listeners by two plain group-bys, as in `duckdb_job.py`.
TRENDS = """
WITH by_listener AS (
    SELECT grain_no, territory, tier, offline, verdict, reason, listener, sum(plays)::BIGINT AS plays,
           sum(plays * played_ms::BIGINT)::BIGINT AS played_ms
    FROM judged GROUP BY ALL),
trends AS (
    SELECT grain_no, territory, tier, offline, verdict, reason, sum(plays)::BIGINT AS plays,
           sum(played_ms)::BIGINT AS played_ms, nullif(count(listener), 0) AS listeners
    FROM by_listener GROUP BY ALL)
SELECT '{date}'::DATE AS date, '{date:%Y-%m}' AS listened_month, *
FROM (
    SELECT isrc, store_track, upc, territory, tier, offline, verdict, reason, plays, played_ms, listeners
    FROM trends JOIN grains USING (grain_no)
    ORDER BY grain_no, territory NULLS LAST, tier, offline NULLS LAST, verdict, reason NULLS LAST)
"""


def main() -> None:
    arguments = v.read_arguments(__doc__)

    days = v.reports_by_day(arguments.inbox, STORE, list(COLUMNS), "Start Report")
    threads_per_day = max(1, arguments.threads // len(days))
    with ThreadPoolExecutor(arguments.threads) as pool:
        for done in [pool.submit(run_day, day, arguments.out, threads_per_day) for day in days]:
            done.result()


def run_day(reports: list[tuple[Path, str]], out: Path, threads: int) -> None:
    with duckdb.connect(config={"threads": threads}) as db:
        db.execute(DEFINITIONS)
        create_tables_of_codes(db, STORE)
        names = {number: name for number, (_, name) in enumerate(reports)}
        db.execute(f"CREATE TYPE report AS ENUM ({', '.join(map(repr, names.values()))})")
        create_mapping(db, "reports (report UINTEGER, name report)", names)
        files = [str(path) for path, _ in reports]
        db.execute(LOAD.format(files=files, columns=dict.fromkeys(COLUMNS.values(), "VARCHAR")))
        for stage in (NORMALIZE, WATCHED, DUPLICATES, LISTENER_DAYS, MARKS, JUDGED):
            db.execute(stage)
        write_day(db, out)


def create_tables_of_codes(db: duckdb.DuckDBPyConnection, store: str) -> None:
    """Territories, and what the store's file says of tiers."""
    tier = tomllib.loads((STORES / f"{store}.toml").read_text())["tier"]
    words = {rule["word"].lower(): rule["tier"] for rule in tier["words"]}
    territories = {code: code for code in v.TERRITORIES} | v.TERRITORY_ALIASES
    create_mapping(db, "territories (code VARCHAR, territory VARCHAR)", territories)
    create_mapping(db, "product_tiers (code VARCHAR, tier VARCHAR)", tier["product"])
    create_mapping(db, "tier_words (word VARCHAR, tier VARCHAR)", words)
    db.execute(TIER_OF)


def write_day(db: duckdb.DuckDBPyConnection, out: Path) -> None:
    db.execute("SELECT bool_and(unbroken), min(first_day), max(last_day) FROM first_rows")
    unbroken, first_day, last_day = db.fetchone()
    if first_day != last_day or not unbroken:
        raise SystemExit("a report holds several counted dates, or was not loaded row after row")
    (date,) = db.execute("SELECT strptime(?, '%d-%m-%Y')::DATE", [first_day]).fetchone()
    month = f"store={STORE}/month={date:%Y-%m}"
    for query, path in (
        (PLAYS, out / f"plays/{month}/date={date}/part-0.parquet"),
        (TRENDS, out / f"trends_daily/{month}/part-{date}.parquet"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        db.execute(
            f"COPY ({query.format(date=date)}) TO '{path}'"
            " (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
        )


if __name__ == "__main__":
    main()
