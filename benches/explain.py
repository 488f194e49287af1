#!/usr/bin/env python3
"""How long the waterfall of a month takes to make, and one track of it to explain.

    cargo build --release && python3 benches/explain.py [--months 24] [--tracks 100000] [--territories 10]

A store reports each of the tracks in each of the territories, every month, and shows numbers of its own:
with the numbers above 1,000,000 rows of (store, ISRC, territory) a month. The waterfall is timed as the
run on which the last month is settled: nothing is new but the day. `explain` is timed as a process, with
the files of the warehouse out of the page cache (where the system can do that) and in it. Medians of
`--rounds`.
"""

import argparse
import calendar
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "target/release/streamledger"
STORE = "audiomack"
COUNTRIES = ("GB US DE FR NL SE NO ES IT PL BR MX JP IN ZA NG KE GH AU CA").split()
FIRST_YEAR = 2024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--tracks", type=int, default=100_000)
    parser.add_argument("--territories", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", help="where to work (default: a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        measure(pathlib.Path(folder), options)


def measure(folder, options):
    inbox = folder / "inbox" / STORE
    inbox.mkdir(parents=True)
    months = [(FIRST_YEAR + n // 12, n % 12 + 1) for n in range(options.months)]
    for year, month in months:
        write_trends(inbox, year, month, options)
        write_counters(inbox, year, month, options)
    year, month = months[-1]
    last = f"{year}-{month:02}-{calendar.monthrange(year, month)[1]}"
    after = f"{year + month // 12}-{month % 12 + 1:02}-02"
    print(f"{options.months} months of {options.tracks * options.territories:,} rows")
    print(f"first run, {options.months - 1} waterfalls  {nightly(folder, last)[0]:8.2f} s")
    seconds, peak = nightly(folder, after)
    print(f"the last month's waterfall   {seconds:8.2f} s   {peak:,} MiB")
    isrc = isrc_of(options.tracks // 2)
    question = ["explain", "--month", f"{year}-{month:02}", "--isrc", isrc, "--format", "csv",
                "--pipeline", ROOT / "pipelines/nightly.toml", "--warehouse", folder / "warehouse"]
    for cold in (True, False):
        taken = [explain(folder, question, cold) for _ in range(options.rounds)]
        print(f"explain, {'cold' if cold else 'warm'}                {statistics.median(taken):8.3f} s")


def isrc_of(track):
    return f"ZZ{'BEN' if track % 2 else 'CHM'}{track:07}"


def write_trends(inbox, year, month, options):
    days = calendar.monthrange(year, month)[1]
    path = inbox / f"trends_{year}-{month:02}.csv"
    with open(path, "w", encoding="utf-8") as file:
        file.write("date,subscriber_status,country,music_id,upc,isrc,play30s\n")
        for track in range(options.tracks):
            isrc = isrc_of(track)
            date = f"{year}-{month:02}-{track % days + 1:02}"
            file.write("".join(
                f"{date},Premium,{country},M{track},,{isrc},{(track * 7 + place) % 90 + 1}\n"
                for place, country in enumerate(COUNTRIES[:options.territories])
            ))


def write_counters(inbox, year, month, options):
    path = inbox / f"counters_{year}-{month:02}.csv"
    with open(path, "w", encoding="utf-8") as file:
        file.write("date,isrc,store_track,territory,streams\n")
        for track in range(options.tracks):
            date = f"{year}-{month:02}-{track % 28 + 1:02}"
            isrc = isrc_of(track)
            file.write("".join(
                f"{date},{isrc},,{country},{(track * 7 + place) % 90 + 3}\n"
                for place, country in enumerate(COUNTRIES[:options.territories])
            ))


def nightly(folder, as_of):
    command = [PROGRAM, "nightly", "--pipeline", ROOT / "pipelines/nightly.toml", "--inbox", folder / "inbox",
               "--warehouse", folder / "warehouse", "--as-of", as_of, "-q"]
    start = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status) not in (0, 1):
        raise SystemExit("the run failed")
    return seconds, usage.ru_maxrss // 1024


def explain(folder, question, cold):
    if cold:
        forget(folder / "warehouse/internal")
    start = time.perf_counter()
    done = subprocess.run([PROGRAM, *map(str, question)], capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode != 0 or "reported" not in done.stdout:
        raise SystemExit(done.stderr or done.stdout)
    return seconds


def forget(folder):
    """Takes the files out of the page cache; all of them are synced, so nothing is lost."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with open(path, "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


if __name__ == "__main__":
    main()
