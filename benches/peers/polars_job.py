"""The benchmark's work in Polars: raw-streams reports in, `plays` and `trends_daily` out.

Written for speed, as someone who knows Polars would. What carries it:

* One counted date at a time: faster than all at once, and memory is that of a date.
* Reports are scanned lazily on the streaming engine, which reads the used columns only. Whatever
  has few distinct values (track, codes, country) is normalised once per value and joined, not once
  per row.
* No window runs over all rows. A cheap group-by finds the few groups that a rule could apply to at
  all, a semi join takes their rows, and only these are measured.
* The listener is two 64-bit hashes of the store's id, in two columns: Polars has no hash of 128
  bits.

What the measurement allows to differ from the product: the report's id comes from its path, cells
of nothing but blanks are not looked for, rows must be well-formed (nothing is quarantined), and
`trends_daily` has a file for each date in its month.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import vocabulary as v

if __name__ == "__main__":
    ARGUMENTS = v.read_arguments(__doc__)
    # Polars sizes its thread pool once, when it is imported.
    os.environ["POLARS_MAX_THREADS"] = str(ARGUMENTS.threads)

import polars as pl  # noqa: E402

LISTENER = ["listener_hi", "listener_lo"]
LISTENER_DAY = [*LISTENER, "listened_on"]
RAW_TRACK = ["raw_isrc", "raw_upc", "store_track"]
SAME_PLAY = [*LISTENER, "track_no", "listened_at", "exact", "played_ms"]
# Enums group and sort as small numbers: by position, hence in the order of the alphabet.
TIER = pl.Enum(
    sorted({"unmapped", "unknown", *v.TIER_BY_PRODUCT.values(), *v.TIER_BY_ACCESS.values()})
)
TERRITORY = pl.Enum(sorted(v.TERRITORIES))
REASON = pl.Enum(
    [
        "duplicate",
        "duration_missing",
        "impossible_time",
        "impossible_volume",
        "low_variety",
        "offline_expired",
        "repeater",
        "short_cluster",
        "too_short",
    ]
)
VERDICT = pl.Enum(["counted", "excluded", "held"])


def collect(frame: pl.LazyFrame) -> pl.DataFrame:
    return frame.collect(engine="streaming")


# Reading ------------------------------------------------------------------------------------------


def load(path: Path, report: str) -> pl.LazyFrame:
    """The plays of a report with their row numbers, read as far as goes row by row."""
    raw = pl.scan_csv(
        path,
        separator="\t",
        quote_char=None,
        schema=dict.fromkeys(v.HEADER, pl.String),
        row_index_name="row",
        row_index_offset=1,
    )
    offline = pl.col("stream_cached").str.to_lowercase().is_in(["true", "t", "yes", "1"])
    stamp = ms_of_stamp(pl.when(offline).then(pl.col("offline_timestamp")))
    clock = pl.col("log_time").str.to_datetime("%Y%m%dT%H:%M:%S", time_unit="ms", time_zone="UTC")
    return raw.with_columns(stamp=stamp).select(
        pl.lit(report).alias("report"),
        "row",
        pl.col("day").str.replace_all("-", "", literal=True).str.to_date("%Y%m%d").alias("date"),
        pl.coalesce(pl.col("stamp").cast(pl.Datetime("ms", "UTC")), clock).alias("listened_at"),
        pl.col("stamp").is_not_null().alias("exact"),
        pl.col("isrc").alias("raw_isrc"),
        pl.col("upc").alias("raw_upc"),
        pl.col("track_id").alias("store_track"),
        *known_hashes(pl.col("customer_id")),
        "country_code",
        "financial_product",
        "access",
        offline.alias("offline"),
        ms_of_seconds(pl.col("stream_length")).alias("played_ms"),
        pl.col("stream_source").cast(pl.Categorical).alias("source"),
        pl.col("stream_device").cast(pl.Categorical).alias("device"),
    )


def known_hashes(text: pl.Expr) -> list[pl.Expr]:
    """A null has a hash too, which must not make a listener."""
    return [
        pl.when(text.is_not_null()).then(text.hash(seed)).alias(name)
        for seed, name in enumerate(LISTENER, start=1)
    ]


def ms_of_seconds(text: pl.Expr, *, strict: bool = True) -> pl.Expr:
    """Cut, not rounded: the cast rounds at the 20th decimal, the division cuts at the third."""
    return (text.cast(pl.Decimal(38, 20), strict=strict).to_physical() // 10**17).cast(pl.Int64)


def ms_of_stamp(text: pl.Expr) -> pl.Expr:
    """Seconds or milliseconds since 1970, or ISO 8601 with or without a zone. 0 is no stamp."""
    seconds = ms_of_seconds(text, strict=False)
    number = (
        pl.when(seconds > v.EPOCH_MS_ABOVE * 1000)
        .then(seconds // 1000)
        .when(seconds > 0)
        .then(seconds)
    )
    # Only a text with a time of day is left to be read, and one format has to fit all: T, zone.
    iso = pl.when(text.str.contains(":", literal=True)).then(
        text.str.replace(" ", "T", literal=True)
    )
    zoned = pl.when(iso.str.contains(r"(Z|[+-]\d\d:?\d\d)$")).then(iso).otherwise(iso + "Z")
    zoned = zoned.str.replace("Z", "+00:00", literal=True)
    date_format = "%Y-%m-%dT%H:%M:%S%.f%z"
    compact = zoned.str.replace(r"^(\d{4})(\d\d)(\d\d)T", "$1-$2-${3}T")
    # Read to the microsecond: to the millisecond might round.
    moment = compact.str.to_datetime(date_format, time_unit="us", time_zone="UTC", strict=False)
    return pl.coalesce(number, moment.to_physical() // 1000)


# Normalisation, once per value --------------------------------------------------------------------


def read_tracks(plays: pl.DataFrame) -> pl.DataFrame:
    """The raw texts of a track with what they mean, and numbers that stand for texts from here on.

    `sort_no` is the order of plays, `track_no` the track (the ISRC, or the store's id where there
    is none), `grain_no` the track's columns in the daily table, in their order.
    """
    code = pl.col("raw_isrc").str.to_uppercase().str.replace_all("[- ]", "")
    # Weights 3, 1, 3, 1 ... from the right without the check digit: one pattern once padded to 14.
    digits = pl.col("raw_upc").str.zfill(14)
    weighted = pl.sum_horizontal(
        digits.str.slice(i, 1).cast(pl.Int32, strict=False) * (3, 1)[i % 2] for i in range(14)
    )
    good_upc = (
        pl.col("raw_upc").str.contains("^[0-9]+$")
        & pl.col("raw_upc").str.len_chars().is_in(v.UPC_LENGTHS)
        & (weighted % 10 == 0)
    )
    tracks = (
        plays.select(RAW_TRACK)
        .unique()
        .with_columns(
            isrc=code.str.extract("^(?:ISRC)?([A-Z]{2}[A-Z0-9]{3}[0-9]{7})$"),
            upc=pl.when(good_upc).then("raw_upc"),
        )
        .with_columns(only_track=pl.when(pl.col("isrc").is_null()).then("store_track"))
    )
    for number, by in (
        ("sort_no", ["isrc", "store_track"]),
        ("grain_no", ["isrc", "only_track", "upc"]),
        ("track_no", ["isrc", "only_track"]),
    ):
        tracks = tracks.sort(by, nulls_last=True).with_columns(pl.struct(by).rle_id().alias(number))
    return tracks


def read_codes(plays: pl.DataFrame) -> pl.DataFrame:
    product, access = pl.col("financial_product"), pl.col("access")
    by_product = product.replace_strict(
        v.TIER_BY_PRODUCT, default="unmapped", return_dtype=pl.String
    )
    by_access = access.replace_strict(v.TIER_BY_ACCESS, default="unmapped", return_dtype=pl.String)
    return (
        plays.select("financial_product", "access")
        .unique()
        .with_columns(
            tier=pl.when(product.is_not_null())
            .then(by_product)
            .when(access.is_not_null())
            .then(by_access)
            .otherwise(pl.lit("unknown"))
            .cast(TIER),
            tier_code=pl.when(product.is_not_null() | access.is_not_null()).then(
                pl.concat_str(product, access, separator="|", ignore_nulls=True)
            ),
        )
    )


def read_countries(plays: pl.DataFrame) -> pl.DataFrame:
    code = pl.col("country_code").str.strip_chars().str.to_uppercase().replace(v.TERRITORY_ALIASES)
    return (
        plays.select("country_code")
        .unique()
        .with_columns(territory=pl.when(code.is_in(list(v.TERRITORIES))).then(code).cast(TERRITORY))
    )


# Rules --------------------------------------------------------------------------------------------


def find_duplicates(plays: pl.LazyFrame, tracks: pl.LazyFrame) -> pl.LazyFrame:
    """Rule 1. The track, which needs a join, is compared only among the few alike in the rest."""
    alike_in = [*LISTENER, "listened_at", "played_ms"]
    repeated = (
        plays.filter(pl.col("listener_hi").is_not_null())
        .group_by(alike_in)
        .len()
        .filter(pl.col("len") > 1)
    )
    fit = (
        pl.when(~pl.col("exact") & (pl.col("played_ms") > 0))
        .then(pl.max_horizontal(1, (v.CLOCK_MS + pl.col("played_ms") - 1) // pl.col("played_ms")))
        .otherwise(1)
    )
    return (
        plays.select("id", "report", "exact", *alike_in, *RAW_TRACK)
        .join(repeated, on=alike_in, how="semi", nulls_equal=True)
        .join(tracks, on=RAW_TRACK, nulls_equal=True)
        .with_columns(
            n_rows=pl.len().over(SAME_PLAY),
            n_in_report=pl.len().over([*SAME_PLAY, "report"]),
            position=pl.col("id").rank("ordinal").over([*SAME_PLAY, "report"]),
            fit=fit,
        )
        .with_columns(
            most=pl.col("n_in_report").max().over(SAME_PLAY),
            keeper=pl.col("report")
            .sort_by(-pl.col("n_in_report").cast(pl.Int64), "report")
            .first()
            .over(SAME_PLAY),
        )
        .filter((pl.col("report") != pl.col("keeper")) | (pl.col("position") > pl.col("fit")))
        .select(
            "id",
            pl.lit("duplicate", REASON).alias("mark"),
            pl.col("n_rows").cast(pl.Int64).alias("measured"),
            pl.min_horizontal("fit", "most").cast(pl.Int64).alias("threshold"),
        )
    )


def find_suspects(
    plays: pl.LazyFrame, tracks: pl.LazyFrame, duplicates: pl.LazyFrame
) -> pl.LazyFrame:
    """The plays of every listener-day that could break one of rules 4 to 8.

    A listener-day below both bounds can break none of them, whatever rules 1 to 3 take away.
    """
    long_enough = plays.filter(
        pl.col("listener_hi").is_not_null() & (pl.col("played_ms") >= v.TOO_SHORT_BELOW_MS)
    )
    busy = (
        long_enough.group_by(LISTENER_DAY)
        .agg(pl.len().alias("n_plays"), pl.col("played_ms").sum().alias("total_ms"))
        .filter(
            (pl.col("n_plays") >= v.CLUSTER_FROM_PLAYS) | (pl.col("total_ms") > v.TIME_ABOVE_MS)
        )
    )
    return (
        long_enough.filter(~expired())
        .select("id", *LISTENER_DAY, "played_ms", *RAW_TRACK)
        .join(busy, on=LISTENER_DAY, how="semi")
        .join(duplicates, on="id", how="anti")
        .join(tracks, on=RAW_TRACK, nulls_equal=True)
        .select("id", *LISTENER_DAY, "played_ms", "track_no")
    )


def days_ago() -> pl.Expr:
    return (pl.col("date") - pl.col("listened_on")).dt.total_days()


def expired() -> pl.Expr:
    return pl.col("offline").fill_null(value=False) & (days_ago() > v.OFFLINE_DAYS)


def mark_suspects(suspects: pl.LazyFrame) -> pl.LazyFrame:
    """Rules 4 to 8 on the few plays that they could mark."""
    is_short = pl.col("played_ms").is_between(v.CLUSTER_FROM_MS, v.CLUSTER_TO_MS)
    totals = suspects.group_by(LISTENER_DAY).agg(
        pl.len().cast(pl.Int64).alias("n_plays"),
        pl.col("played_ms").sum().alias("total_ms"),
        pl.col("played_ms").max().alias("longest_ms"),
        (10_000 * is_short.cast(pl.Int64).sum() // pl.len()).alias("short_share"),
    )
    variety = (
        suspects.join(
            totals.filter(pl.col("n_plays") >= v.VARIETY_FROM_PLAYS), on=LISTENER_DAY, how="semi"
        )
        .group_by(LISTENER_DAY)
        .agg(
            pl.col("played_ms").n_unique().alias("n_lengths"),
            pl.col("track_no").n_unique().alias("n_tracks"),
        )
    )
    repeats = (
        suspects.group_by([*LISTENER_DAY, "track_no"])
        .agg(pl.len().cast(pl.Int64).alias("n_repeats"))
        .filter(pl.col("n_repeats") >= v.REPEATER_FROM_PLAYS)
    )
    # n_lengths is null below the rule's number of plays, and so is each comparison with it.
    low_variety = pl.col("n_lengths").is_not_null() & (
        (pl.col("n_lengths") <= v.VARIETY_LENGTHS)
        | (pl.col("longest_ms") <= v.VARIETY_LONGEST_MS)
        | (pl.col("n_lengths") == pl.col("n_tracks"))
    )
    cluster = (pl.col("n_plays") >= v.CLUSTER_FROM_PLAYS) & (
        pl.col("short_share") >= v.CLUSTER_BASIS_POINTS
    )
    # In the order of the rules: the first that applies wins.
    rules = [
        (pl.col("n_plays") > v.VOLUME_ABOVE, "impossible_volume", "n_plays", v.VOLUME_ABOVE),
        (pl.col("total_ms") > v.TIME_ABOVE_MS, "impossible_time", "total_ms", v.TIME_ABOVE_MS),
        (low_variety, "low_variety", "n_plays", v.VARIETY_FROM_PLAYS),
        (pl.col("n_repeats").is_not_null(), "repeater", "n_repeats", v.REPEATER_FROM_PLAYS),
        (cluster, "short_cluster", "short_share", v.CLUSTER_BASIS_POINTS),
    ]
    return (
        suspects.join(totals, on=LISTENER_DAY)
        .join(variety, on=LISTENER_DAY, how="left")
        .join(repeats, on=[*LISTENER_DAY, "track_no"], how="left")
        .select(
            "id",
            first_of((rule, pl.lit(reason, REASON)) for rule, reason, _, _ in rules).alias("mark"),
            first_of((rule, pl.col(by)) for rule, _, by, _ in rules).alias("measured"),
            first_of((rule, pl.lit(bound, dtype=pl.Int64)) for rule, *_, bound in rules).alias(
                "threshold"
            ),
        )
        .filter(pl.col("mark").is_not_null())
    )


def first_of(cases: Iterable[tuple[pl.Expr, pl.Expr]]) -> pl.Expr:
    chain = pl
    for condition, value in cases:
        chain = chain.when(condition).then(value)
    return chain.otherwise(None)


def judge(plays: pl.LazyFrame, marks: pl.LazyFrame) -> pl.LazyFrame:
    """Rules 2 and 3. A mark wins: rules 4 to 8 mark only what rules 1 to 3 let through."""
    played_ms = pl.col("played_ms")
    rules = [
        (pl.col("mark").is_not_null(), pl.col("mark"), pl.col("measured"), pl.col("threshold")),
        (
            played_ms.is_null(),
            pl.lit("duration_missing", REASON),
            pl.lit(None, pl.Int64),
            pl.lit(None, pl.Int64),
        ),
        (
            played_ms < v.TOO_SHORT_BELOW_MS,
            pl.lit("too_short", REASON),
            played_ms,
            pl.lit(v.TOO_SHORT_BELOW_MS, pl.Int64),
        ),
        (
            expired(),
            pl.lit("offline_expired", REASON),
            days_ago(),
            pl.lit(v.OFFLINE_DAYS, pl.Int64),
        ),
    ]
    held = pl.col("reason").is_in(["duration_missing", "repeater", "short_cluster"])
    return (
        plays.join(marks, on="id", how="left")
        .with_columns(
            reason=first_of((rule, reason) for rule, reason, *_ in rules),
            measured=first_of((rule, measured) for rule, _, measured, _ in rules),
            threshold=first_of((rule, threshold) for rule, *_, threshold in rules),
        )
        .with_columns(
            verdict=pl.when(pl.col("reason").is_null())
            .then(pl.lit("counted", VERDICT))
            .when(held)
            .then(pl.lit("held", VERDICT))
            .otherwise(pl.lit("excluded", VERDICT))
        )
    )


# Output -------------------------------------------------------------------------------------------


def count_trends(plays: pl.LazyFrame, tracks: pl.LazyFrame) -> pl.LazyFrame:
    grain = ["date", "month_start", "grain_no", "territory", "tier", "offline", "verdict", "reason"]
    grains = tracks.select(
        "grain_no", "isrc", pl.col("only_track").alias("store_track"), "upc"
    ).unique()
    return (
        plays.with_columns(month_start=pl.col("listened_on").dt.truncate("1mo"))
        .group_by(grain)
        .agg(
            pl.len().cast(pl.Int64).alias("plays"),
            pl.col("played_ms").sum(),
            pl.col("played_ms").count().alias("n_known"),
            # One half of the hash is enough to tell the listeners of a group apart.
            pl.col("listener_hi").drop_nulls().n_unique().cast(pl.Int64).alias("listeners"),
        )
        .with_columns(
            # Polars adds nothing up to 0; here it is null.
            played_ms=pl.when(pl.col("n_known") > 0).then("played_ms"),
            listeners=pl.when(pl.col("listeners") > 0).then("listeners"),
            listened_month=pl.col("month_start").dt.strftime("%Y-%m"),
        )
        .join(grains, on="grain_no")
        .sort(grain, nulls_last=True)
        .select(v.TRENDS)
    )


def run_day(reports: list[tuple[Path, str]], out: Path) -> None:
    plays = collect(pl.concat([load(path, report) for path, report in reports])).with_row_index(
        "id"
    )
    date = plays["date"][0]
    if plays["date"].n_unique() > 1:
        raise SystemExit(f"a report of {date} holds other counted dates as well")
    tracks = read_tracks(plays).lazy()
    codes, countries = read_codes(plays).lazy(), read_countries(plays).lazy()
    lazy = plays.lazy().with_columns(pl.col("listened_at").dt.date().alias("listened_on"))
    duplicates = collect(find_duplicates(lazy, tracks)).lazy()
    suspects = collect(find_suspects(lazy, tracks, duplicates)).lazy()
    marks = collect(pl.concat([duplicates, mark_suspects(suspects)])).lazy()
    judged = (
        judge(lazy, marks)
        .join(tracks, on=RAW_TRACK, nulls_equal=True)
        .join(codes, on=["financial_product", "access"], nulls_equal=True)
        .join(countries, on="country_code", nulls_equal=True)
    )
    columns = [name for name in v.PLAYS if name != "listener"] + LISTENER
    constants = {
        "reported_date": pl.lit(None, pl.Date),
        "use_type": pl.lit("stream"),
        "track_ms": pl.lit(None, pl.Int64),
        "plays": pl.lit(1, pl.Int64),
    }
    # `id` is in the order of (report, row): reports are loaded in the order of their ids.
    plays_table = (
        judged.sort(["sort_no", "listened_at", "id"]).with_columns(**constants).select(columns)
    )
    month = f"store={v.STORE}/month={date:%Y-%m}"
    sinks = [
        frame.sink_parquet(
            out / path, compression="zstd", compression_level=1, mkdir=True, lazy=True
        )
        for frame, path in (
            (plays_table, f"plays/{month}/date={date}/part-0.parquet"),
            (count_trends(judged, tracks), f"trends_daily/{month}/part-{date}.parquet"),
        )
    ]
    # Both at once: what they have in common is computed once and not kept.
    pl.collect_all(sinks, engine="streaming")


if __name__ == "__main__":
    for day in v.reports_by_day(ARGUMENTS.inbox):
        run_day(day, ARGUMENTS.out)
