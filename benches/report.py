#!/usr/bin/env python3
"""How long the pages of a catalogue take to make, and how much memory.

    cargo build --release && python3 benches/report.py [--tracks 10000] [--months 6] [--territories 10]

Two stores report each of the tracks in each of the territories on some days of every month; one shows
numbers of its own, of the other the statements of the first months are there. Medians of `--rounds`, and
the highest peak. Needs some gigabytes of disk for the inbox, the tables and the pages.
"""

import argparse
import calendar
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

from explain import COUNTRIES, PROGRAM, ROOT, isrc_of, nightly

DAYS = (1, 6, 11, 17, 23, 28)
SERVICES = ("SubscriptionModel", "FREE", "FAMILYHIFI")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=10_000)
    parser.add_argument("--months", type=int, default=6)
    parser.add_argument("--territories", type=int, default=10)
    parser.add_argument("--tracks-of-artist", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", help="where to work (default: a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        measure(pathlib.Path(folder), options)


def measure(folder, options):
    inbox = folder / "inbox"
    for store in ("audiomack", "deezer", "reference"):
        (inbox / store).mkdir(parents=True)
    write_catalogue(inbox / "reference" / "catalogue.csv", options)
    for month in range(1, options.months + 1):
        write_trends(inbox / "audiomack" / f"trends_2026-{month:02}.csv", month, options)
        write_counters(inbox / "audiomack" / f"counters_2026-{month:02}.csv", month, options)
        write_plays(inbox / "deezer" / f"plays_2026-{month:02}.txt", month, options)
        if month + 3 <= options.months:
            write_sales(inbox / "deezer" / f"sales_2026-{month:02}.txt", month, options)
    seconds, _ = nightly(folder, f"2026-{options.months + 1:02}-10")
    rows = options.months * options.tracks * options.territories * len(DAYS) * 2
    print(f"{options.tracks:,} recordings, {options.months} months, {rows:,} rows of trends; the night {seconds:.0f} s")
    taken, peaks = [], []
    for _ in range(options.rounds):
        seconds, peak = report(folder)
        taken.append(seconds)
        peaks.append(peak)
    files = [path.stat().st_size for path in (folder / "pages").rglob("*") if path.is_file()]
    print(f"report  {statistics.median(taken):6.1f} s   {max(peaks):,} MiB")
    print(f"{len(files):,} files, {sum(files) / 1e6:,.0f} MB, the largest {max(files) / 1e3:,.0f} kB")


def write_catalogue(path, options):
    with open(path, "w", encoding="utf-8") as file:
        file.write("valid_from,isrc,upc,title,artist,release,label,track_length,owner,share\n")
        for track in range(options.tracks):
            artist = track // options.tracks_of_artist
            name = f"Song {track % 97} of the {track % 89}th Night"
            file.write(f"2026-01-01,{isrc_of(track)},,{name},Artist {artist},Album {artist % 13},Bench,200,a,100\n")


def dates(month):
    last = calendar.monthrange(2026, month)[1]
    return [f"2026-{month:02}-{last if day == DAYS[-1] else day:02}" for day in DAYS]


def write_trends(path, month, options):
    with open(path, "w", encoding="utf-8") as file:
        file.write("date,subscriber_status,country,music_id,upc,isrc,play30s\n")
        for date in dates(month):
            for track in range(options.tracks):
                isrc = isrc_of(track)
                file.write("".join(
                    f"{date},{'Premium' if place % 2 else 'Free'},{country},M{track},,{isrc},{(track + place) % 90 + 1}\n"
                    for place, country in enumerate(COUNTRIES[:options.territories])
                ))


def write_counters(path, month, options):
    with open(path, "w", encoding="utf-8") as file:
        file.write("date,isrc,store_track,territory,streams\n")
        for date in (dates(month)[0], dates(month)[-1]):
            for track in range(options.tracks):
                file.write("".join(
                    f"{date},{isrc_of(track)},,{country},{(track + place) % 90 + 3}\n"
                    for place, country in enumerate(COUNTRIES[:options.territories])
                ))


def write_plays(path, month, options):
    columns = ("Start Report", "ISRC", "UPC", "Country", "Nb of plays", "Service", "Track_duration", "Play_percent",
               "Cached_play", "Context_type", "User_id", "Device_type")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\t".join(columns) + "\n")
        for day, date in enumerate(dates(month)):
            for track in range(options.tracks):
                isrc = isrc_of(track)
                file.write("".join(
                    f"{date}\t{isrc}\t\t{country}\t{(track + place) % 4 + 1}\t{SERVICES[(track + place) % 3]}\t200\t"
                    f"{(track + place + day) % 100}\tfalse\tradio\tu{track}-{place}\tphone\n"
                    for place, country in enumerate(COUNTRIES[:options.territories])
                ))


def write_sales(path, month, options):
    first, last = f"2026-{month:02}-01", dates(month)[-1]
    with open(path, "w", encoding="utf-8") as file:
        file.write("start_report\tend_report\tisrc\tupc\tcountry\tnb_of_plays\troyalties\tservice\n")
        for track in range(options.tracks):
            file.write("".join(
                f"{first}\t{last}\t{isrc_of(track)}\t\t{country}\t{(track + place) % 12 + 3}\t0.{track % 997:03}\t"
                f"{SERVICES[(track + place) % 3]}\n"
                for place, country in enumerate(COUNTRIES[:options.territories])
            ))


def report(folder):
    command = [PROGRAM, "report", "--out", folder / "pages", "--pipeline", ROOT / "pipelines/nightly.toml",
               "--warehouse", folder / "warehouse", "-q"]
    start = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit("the pages were not made")
    return time.perf_counter() - start, usage.ru_maxrss // 1024


if __name__ == "__main__":
    main()
