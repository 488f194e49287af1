"""The oracle: the rules of the specification read row by row, with dictionaries and loops.

Not a benchmark, and for small inboxes only (some hundred thousand rows). It is written from the
words of the rules and shares no code with the peers beyond the tables in `vocabulary.py`. It writes

    OUT/plays.tsv          every row with its verdict, reason, measured, threshold
    OUT/trends_daily.tsv   the daily table

with the columns of the two tables, an empty cell for null, so that `check.py OUT OTHER` can compare
it with any other output to the row: with a peer as it is, with the product under --content-ids.
Rows must be well-formed: one that the product would quarantine stops the oracle.
"""

import argparse
import gzip
import hashlib
import re
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TextIO

from blake3 import blake3

import vocabulary as v

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inbox", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--content-ids",
        action="store_true",
        help="name the reports by their content, as the product does, not by their path",
    )
    arguments = parser.parse_args()

    plays = []
    for path, report_by_path in v.reports(arguments.inbox):
        report = content_id(path) if arguments.content_ids else report_by_path
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as lines:
            next(lines)
            for row, line in enumerate(lines, start=1):
                if line.strip():
                    plays.append(normalize(line.rstrip("\n").split("\t"), report, row))
    judge(plays)
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_plays(plays, arguments.out / "plays.tsv")
    write_trends(plays, arguments.out / "trends_daily.tsv")


def content_id(path: Path) -> str:
    """The id of a report of which nothing but the rows says anything: of its bytes and its store."""
    with gzip.open(path, "rb") as content:
        content_hash = blake3(content.read()).hexdigest()
    return blake3(f"{content_hash}\n{v.STORE}\n".encode()).hexdigest()[:16]


# Normalisation ------------------------------------------------------------------------------------


def normalize(cells: list[str], report: str, row: int) -> dict:
    raw = {name: cell if cell.strip() else None for name, cell in zip(v.HEADER, cells, strict=True)}
    offline = read_boolean(raw["stream_cached"])
    stamp = read_stamp(raw["offline_timestamp"]) if offline else None
    listened_at = stamp if stamp is not None else read_time(raw["log_time"])
    codes = [raw["financial_product"], raw["access"]]
    play = {
        "report": report,
        "row": row,
        "date": read_day(raw["day"]),
        "listened_at": listened_at,
        "listened_on": (EPOCH + listened_at * MILLISECOND).date(),
        "exact": stamp is not None,
        "reported_date": None,
        "isrc": read_isrc(raw["isrc"]),
        "upc": read_upc(raw["upc"]),
        "store_track": raw["track_id"],
        "listener": raw["customer_id"],
        "territory": read_territory(raw["country_code"]),
        "tier": tier(*codes),
        "tier_code": "|".join(code for code in codes if code) or None,
        "use_type": "stream",
        "offline": offline,
        "played_ms": read_seconds(raw["stream_length"]),
        "track_ms": None,
        "source": raw["stream_source"],
        "device": raw["stream_device"],
        "plays": 1,
        "verdict": "counted",
        "reason": None,
        "measured": None,
        "threshold": None,
    }
    if play["isrc"] is None and play["store_track"] is None:
        raise SystemExit(f"report {report}, row {row}: no track")
    # An ISRC and a store's own id are never the same track, whatever they look like.
    play["track"] = (play["isrc"], None if play["isrc"] else play["store_track"])
    return play


def read_boolean(cell: str | None) -> bool | None:
    if cell is None:
        return None
    return {
        **dict.fromkeys(("true", "t", "yes", "1"), True),
        **dict.fromkeys(("false", "f", "no", "0"), False),
    }[cell.strip().lower()]


def read_day(cell: str) -> date:
    return date.fromisoformat(cell.strip())


def read_time(cell: str) -> int:
    """Milliseconds since 1970, cut."""
    moment = datetime.fromisoformat(cell.strip())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // MILLISECOND


def read_stamp(cell: str | None) -> int | None:
    """Like a time, or a number of seconds or milliseconds; 0 is no stamp."""
    if cell is None:
        return None
    if ":" in cell:
        return read_time(cell)
    number = read_number(cell)
    if number == 0:
        return None
    return int(number if number > v.EPOCH_MS_ABOVE else number * 1000)


def read_seconds(cell: str | None) -> int | None:
    """Seconds to whole milliseconds, cut."""
    if cell is None:
        return None
    played_ms = int(read_number(cell) * 1000)
    if played_ms > 86_400_000:
        raise SystemExit(f"stream_length out of bounds: {cell}")
    return played_ms


def read_number(cell: str) -> Decimal:
    """A plain decimal, such as 12, .5 or 12.0."""
    if not re.fullmatch(r"[0-9]+|[0-9]*\.[0-9]+", cell.strip()):
        raise SystemExit(f"not a plain decimal number: {cell}")
    return Decimal(cell.strip())


def read_isrc(cell: str | None) -> str | None:
    text = (cell or "").upper().replace("-", "").replace(" ", "")
    if len(text) > 12:
        text = text.removeprefix("ISRC")
    return text if re.fullmatch("[A-Z]{2}[A-Z0-9]{3}[0-9]{7}", text) else None


def read_upc(cell: str | None) -> str | None:
    if cell is None or not re.fullmatch("[0-9]+", cell) or len(cell) not in v.UPC_LENGTHS:
        return None
    # GS1: from the right, without the check digit, weights 3, 1, 3, 1 ...
    weighted = sum(int(digit) * (3, 1)[i % 2] for i, digit in enumerate(cell[-2::-1]))
    return cell if (weighted + int(cell[-1])) % 10 == 0 else None


def read_territory(cell: str | None) -> str | None:
    code = (cell or "").strip().upper()
    code = v.TERRITORY_ALIASES.get(code, code)
    return code if code in v.TERRITORIES else None


def tier(product: str | None, access: str | None) -> str:
    if product:
        return v.TIER_BY_PRODUCT.get(product, "unmapped")
    if access:
        return v.TIER_BY_ACCESS.get(access, "unmapped")
    return "unknown"


# Rules --------------------------------------------------------------------------------------------


def judge(plays: list[dict]) -> None:
    """Write verdict and reason; the first rule that applies to a play keeps it."""
    mark_duplicates(plays)
    for play in plays:
        mark_by_itself(play)
    passed = [play for play in plays if play["reason"] is None and play["listener"]]
    listener_days = grouped(passed, "date", "listener", "listened_on")
    track_days = grouped(passed, "date", "listener", "listened_on", "track")
    for group in listener_days:
        mark_impossible_volume(group)
    for group in listener_days:
        mark_impossible_time(group)
    for group in listener_days:
        mark_low_variety(group)
    for group in track_days:
        mark_repeater(group)
    for group in listener_days:
        mark_short_cluster(group)


def mark(
    play: dict, verdict: str, reason: str, measured: int | None, threshold: int | None
) -> None:
    if play["reason"] is None:
        play.update(verdict=verdict, reason=reason, measured=measured, threshold=threshold)


def grouped(plays: list[dict], *by: str) -> list[list[dict]]:
    groups = defaultdict(list)
    for play in plays:
        groups[tuple(play[name] for name in by)].append(play)
    return list(groups.values())


def mark_duplicates(plays: list[dict]) -> None:
    known = [play for play in plays if play["listener"]]
    for group in grouped(known, "date", "listener", "track", "listened_at", "exact", "played_ms"):
        played_ms = group[0]["played_ms"]
        k = 1
        if not group[0]["exact"] and played_ms:
            k = max(1, -(-v.CLOCK_MS // played_ms))
        by_report = defaultdict(list)
        for play in group:
            by_report[play["report"]].append(play)
        most = min(by_report, key=lambda report: (-len(by_report[report]), report))
        kept = sorted(by_report[most], key=lambda play: play["row"])[:k]
        for play in group:
            if not any(play is keeper for keeper in kept):
                mark(play, "excluded", "duplicate", len(group), len(kept))


def mark_by_itself(play: dict) -> None:
    if play["played_ms"] is None:
        mark(play, "held", "duration_missing", None, None)
    elif play["played_ms"] < v.TOO_SHORT_BELOW_MS:
        mark(play, "excluded", "too_short", play["played_ms"], v.TOO_SHORT_BELOW_MS)
    days = (play["date"] - play["listened_on"]).days
    if play["offline"] and days > v.OFFLINE_DAYS:
        mark(play, "excluded", "offline_expired", days, v.OFFLINE_DAYS)


def mark_impossible_volume(group: list[dict]) -> None:
    n_plays = sum(play["plays"] for play in group)
    if n_plays > v.VOLUME_ABOVE:
        for play in group:
            mark(play, "excluded", "impossible_volume", n_plays, v.VOLUME_ABOVE)


def mark_impossible_time(group: list[dict]) -> None:
    played_ms = sum(play["played_ms"] * play["plays"] for play in group)
    if played_ms > v.TIME_ABOVE_MS:
        for play in group:
            mark(play, "excluded", "impossible_time", played_ms, v.TIME_ABOVE_MS)


def mark_low_variety(group: list[dict]) -> None:
    n_plays = sum(play["plays"] for play in group)
    if n_plays < v.VARIETY_FROM_PLAYS:
        return
    lengths = {play["played_ms"] for play in group}
    tracks = {play["track"] for play in group}
    few_lengths = len(lengths) <= v.VARIETY_LENGTHS
    if few_lengths or max(lengths) <= v.VARIETY_LONGEST_MS or len(lengths) == len(tracks):
        for play in group:
            mark(play, "excluded", "low_variety", n_plays, v.VARIETY_FROM_PLAYS)


def mark_repeater(group: list[dict]) -> None:
    n_plays = sum(play["plays"] for play in group)
    if n_plays >= v.REPEATER_FROM_PLAYS:
        for play in group:
            mark(play, "held", "repeater", n_plays, v.REPEATER_FROM_PLAYS)


def mark_short_cluster(group: list[dict]) -> None:
    n_plays = sum(play["plays"] for play in group)
    n_short = 0
    for play in group:
        if v.CLUSTER_FROM_MS <= play["played_ms"] <= v.CLUSTER_TO_MS:
            n_short += play["plays"]
    share = 10_000 * n_short // n_plays
    if n_plays >= v.CLUSTER_FROM_PLAYS and share >= v.CLUSTER_BASIS_POINTS:
        for play in group:
            mark(play, "held", "short_cluster", share, v.CLUSTER_BASIS_POINTS)


# Output -------------------------------------------------------------------------------------------


def write_plays(plays: list[dict], path: Path) -> None:
    def order(play: dict) -> tuple:
        track = [(cell is None, cell or "") for cell in (play["isrc"], play["store_track"])]
        return play["date"], *track, play["listened_at"], play["report"], play["row"]

    with path.open("w", encoding="utf-8", newline="\n") as file:
        write_line(file, ["date", *v.PLAYS])
        for play in sorted(plays, key=order):
            shown = dict(play)
            if play["listener"]:
                shown["listener"] = hashlib.md5(play["listener"].encode()).hexdigest()
            write_line(file, [shown[name] for name in ("date", *v.PLAYS)])


def write_line(file: TextIO, cells: list) -> None:
    print(*("" if cell is None else cell for cell in cells), sep="\t", file=file)


def write_trends(plays: list[dict], path: Path) -> None:
    totals = defaultdict(Counter)
    listeners = defaultdict(set)
    for play in plays:
        key = (
            play["date"],
            play["listened_on"].strftime("%Y-%m"),
            *play["track"],
            *(play[name] for name in ("upc", "territory", "tier", "offline", "verdict", "reason")),
        )
        totals[key]["plays"] += play["plays"]
        if play["played_ms"] is not None:
            totals[key]["played_ms"] += play["played_ms"] * play["plays"]
        if play["listener"]:
            listeners[key].add(play["listener"])
    with path.open("w", encoding="utf-8", newline="\n") as file:
        write_line(file, v.TRENDS)
        for key in sorted(totals, key=lambda key: [(cell is None, str(cell)) for cell in key]):
            total = totals[key]
            n_listeners = len(listeners[key]) or None
            write_line(file, [*key, total["plays"], total.get("played_ms"), n_listeners])


if __name__ == "__main__":
    main()
