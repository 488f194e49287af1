"""The benchmark's work on a DDEX sales report in DuckDB SQL: Basic Audio in, `sales` and `sales_monthly` out.

Written for speed, as someone who knows DuckDB would. What carries it:

* Lines of all record types are read once, as cells of text, by all threads, into a table whose `rowid` is the
  order of the report. Cells that a line lacks are null; cells behind the last one that is used are not cut.
* Each record type that is referred to is a small table. ISRC and UPC are read once for each recording or release,
  territory and model once for each summary record; what few values stand for is an enum.
* A line of usage is joined once, to numbers only: of its recording, release and terms, and of the ISRC and UPC in
  their order. Both tables are made of these: sums are grouped by numbers, and texts are fetched by them before
  the sort, which goes by numbers too.
* What is the same in all lines is added after the sort, as an enum where it is a text.
* Parquet gives up dictionaries of texts early: most codes of a report are different ones.

What the measurement allows to differ from the product: the report's id is that of its path, records must be
well-formed and refer to one record each (nothing is quarantined, the footer is only used to see that the lines
were loaded in order), a territory is a code of two letters, not a number of the TIS, and a backslash in an id
is kept. Pools (`revenue_pools`) are not written.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import duckdb

import vocabulary as v
from duckdb_job import IDENTIFIERS, TIERS
from duckdb_plays import create_tables_of_codes
from duckdb_statements import MONTHLY, SALES

STORE = "spotify"
# Up to the use type of a line of usage, the last cell that is used.
N_CELLS = 11

LOAD = """
CREATE TABLE loaded AS
SELECT left(c0, 4) AS type, c1, c2, c3, c4, c5, c6, c7, c10
FROM read_csv({file}, auto_detect = false, columns = {columns}, header = false, delim = '\t', quote = '',
              escape = '', nullstr = '', null_padding = true, strict_mode = false);
"""

TYPES = f"""
CREATE MACRO snake_case(text) AS lower(regexp_replace(text, '([a-z0-9])([A-Z])', '\\1_\\2', 'g'));
CREATE MACRO use_type_of(text) AS
    CASE WHEN snake_case(text) = 'permanent_download' THEN 'download' ELSE snake_case(text) END;

CREATE TYPE tier AS ENUM {TIERS};
CREATE TYPE territory AS ENUM {tuple(sorted(v.TERRITORIES))};
CREATE TYPE line_type AS ENUM ('return', 'sale');
CREATE TYPE use_type AS ENUM (
    SELECT use_type_of(c5) FROM loaded WHERE type = 'SY01' AND c5 IS NOT NULL
    UNION SELECT use_type_of(c10) FROM loaded WHERE type = 'SU02' AND c10 IS NOT NULL
    UNION SELECT 'stream'
    ORDER BY 1);
CREATE TYPE pool AS ENUM (SELECT DISTINCT c1 FROM loaded WHERE type = 'SY01');
CREATE TYPE tier_code AS ENUM (
    SELECT DISTINCT c4 FROM loaded WHERE type = 'SY01' AND c4 IS NOT NULL ORDER BY 1);
"""

# Numbers of records, and of codes in their order: none for records without one.
RECORDS = f"""
{IDENTIFIERS}
CREATE TABLE releases AS
WITH read AS (
    SELECT c1 AS block, c2 AS reference, c3 AS track, upc_of(c6) AS upc, c6 AS cell
    FROM loaded WHERE type = 'RE01')
SELECT block, reference, track, upc, CASE WHEN upc IS NULL THEN cell END AS bad_upc,
       CASE WHEN upc IS NOT NULL THEN dense_rank() OVER (ORDER BY upc)::UINTEGER END AS upc_no,
       (row_number() OVER ())::UINTEGER AS release_no
FROM read;

CREATE TABLE recordings AS
WITH read AS (
    SELECT c1 AS block, c2 AS reference, c3 AS id, c4 AS cell,
           CASE WHEN regexp_full_match(c4, '[A-Z]{{2}}[A-Z0-9]{{3}}[0-9]{{7}}') THEN c4 ELSE isrc_of(c4) END AS isrc
    FROM loaded WHERE type = 'AS01')
SELECT block, reference, isrc, CASE WHEN isrc IS NULL THEN cell END AS bad_isrc, coalesce(id, bad_isrc) AS track,
       CASE WHEN isrc IS NOT NULL THEN dense_rank() OVER (ORDER BY isrc)::UINTEGER END AS isrc_no,
       (row_number() OVER ())::UINTEGER AS recording_no
FROM read;

CREATE TABLE upcs AS SELECT DISTINCT upc_no, upc FROM releases WHERE upc IS NOT NULL;
CREATE TABLE isrcs AS SELECT DISTINCT isrc_no, isrc FROM recordings WHERE isrc IS NOT NULL;

-- Of each summary record and use type of a line, which goes before that of the summary.
CREATE TABLE terms AS
WITH summaries AS (
    SELECT c1 AS summary, c1::pool AS pool, t.territory::territory AS territory, tier_of(c4)::tier AS tier,
           c4::tier_code AS tier_code, coalesce(use_type_of(c5), 'stream') AS use_type
    FROM loaded LEFT JOIN territories t ON code = upper(c6) WHERE type = 'SY01'),
uses AS (SELECT DISTINCT c10 FROM loaded WHERE type = 'SU02'),
pairs AS (
    SELECT summaries.* REPLACE (coalesce(use_type_of(c10), use_type)::use_type AS use_type), c10
    FROM summaries, uses)
SELECT *, (row_number() OVER ())::UINTEGER AS terms_no,
       dense_rank() OVER (ORDER BY territory NULLS LAST, tier, tier_code NULLS LAST, use_type)::UINTEGER AS grain_no
FROM pairs;
"""

LINES = """
CREATE TABLE lines AS
SELECT (l.rowid + 1)::UINTEGER AS row, recording_no, isrc_no, release_no, upc_no, terms_no, grain_no,
       c7::DECIMAL(18, 3)::BIGINT AS units, c6::BOOLEAN AS royalty_bearing
FROM loaded l
JOIN terms t ON l.c2 = t.summary AND l.c10 IS NOT DISTINCT FROM t.c10
LEFT JOIN releases r ON l.c1 = r.block AND l.c4 = r.reference
LEFT JOIN recordings a ON l.c1 = a.block AND l.c5 = a.reference
WHERE type = 'SU02';

DROP TABLE loaded;
"""

LINE_TYPE = "CASE WHEN units < 0 THEN 'return' ELSE 'sale' END::line_type AS line_type"

# Constants are cells of the header, and what no Basic Audio report has.
SORTED_LINES = f"""
SELECT '{{report}}'::report AS report, row::BIGINT AS row, '{{usage_from}}'::DATE AS usage_from,
       '{{usage_to}}'::DATE AS usage_to, NULL::VARCHAR AS statement_period, '{{created}}'::DATE AS reported_date,
       isrc, upc, store_track, territory, tier, tier_code, use_type, NULL::BOOLEAN AS offline, units,
       NULL::DECIMAL(38, 12) AS amount, NULL::VARCHAR AS amount_text, NULL::VARCHAR AS currency, royalty_bearing,
       {LINE_TYPE}, pool, NULL::VARCHAR AS shop, NULL::VARCHAR AS grid, id_text
FROM (
    SELECT row, isrc, upc, CASE WHEN recording_no IS NULL THEN r.track ELSE a.track END AS store_track,
           territory, tier, tier_code, use_type, units, royalty_bearing, pool,
           CASE WHEN bad_isrc IS NOT NULL OR bad_upc IS NOT NULL
                THEN concat_ws('; ', 'isrc=' || bad_isrc, 'upc=' || bad_upc) END AS id_text
    FROM lines l JOIN terms USING (terms_no)
    LEFT JOIN releases r USING (release_no) LEFT JOIN recordings a USING (recording_no)
    ORDER BY l.isrc_no NULLS LAST, row)
"""

SUMS = f"""
SELECT NULL::VARCHAR AS statement_period, isrc, upc, territory, tier, tier_code, use_type, line_type,
       royalty_bearing, NULL::VARCHAR AS currency, units, NULL::DECIMAL(38, 12) AS amount, lines
FROM (
    SELECT isrc, upc, territory, tier, tier_code, use_type, line_type, royalty_bearing, units, lines
    FROM (
        SELECT isrc_no, upc_no, grain_no, {LINE_TYPE}, royalty_bearing, sum(units)::BIGINT AS units,
               count(*) AS lines
        FROM lines l GROUP BY ALL)
    JOIN (SELECT DISTINCT grain_no, territory, tier, tier_code, use_type FROM terms) USING (grain_no)
    LEFT JOIN isrcs USING (isrc_no) LEFT JOIN upcs USING (upc_no)
    ORDER BY isrc_no NULLS LAST, upc_no NULLS LAST, grain_no, line_type, royalty_bearing NULLS LAST)
"""


class Head(NamedTuple):
    """What the header of a report says."""

    created: str
    usage_from: str
    usage_to: str


def main() -> None:
    arguments = v.read_arguments(__doc__)
    (file,) = sorted((arguments.inbox / STORE).glob("DSR_*.tsv"))
    head = read_head(file)
    with duckdb.connect(config={"threads": arguments.threads}) as db:
        create_tables_of_codes(db, STORE)
        columns = {f"c{place}": "VARCHAR" for place in range(N_CELLS)}
        db.execute(LOAD.format(file=repr(str(file)), columns=columns))
        check_order(db)
        for stage in (TYPES, RECORDS, LINES):
            db.execute(stage)
        write_tables(db, arguments.out, file, head)


def read_head(file: Path) -> Head:
    with file.open(encoding="utf-8") as text:
        cells = next(line for line in text if not line.startswith("#")).split("\t")
    return Head(cells[5][:10], cells[8], cells[9])


def check_order(db: duckdb.DuckDBPyConnection) -> None:
    """The footer counts the lines: it has to be the last of so many."""
    feet = db.execute("SELECT rowid + 1, c1::BIGINT FROM loaded WHERE type = 'FOOT'").fetchall()
    n_lines = db.execute("SELECT count(*) FROM loaded").fetchone()[0]
    if feet != [(n_lines, n_lines)]:
        raise SystemExit("the report was cut off, or was not loaded line after line")


def write_tables(db: duckdb.DuckDBPyConnection, out: Path, file: Path, head: Head) -> None:
    report = hashlib.md5(file.name.encode()).hexdigest()[:16]
    db.execute(f"CREATE TYPE report AS ENUM ('{report}')")
    lines = SORTED_LINES.format(report=report, **head._asdict())
    for table, columns, query in (("sales", SALES, lines), ("sales_monthly", MONTHLY, SUMS)):
        folder = out / table / f"store={STORE}" / f"month={head.usage_from[:7]}"
        folder.mkdir(parents=True, exist_ok=True)
        db.execute(
            f"COPY (SELECT {', '.join(columns)} FROM ({query})) TO '{folder / 'part-0000.parquet'}'"
            " (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 1048576,"
            " DICTIONARY_SIZE_LIMIT 10000)"
        )


if __name__ == "__main__":
    main()
