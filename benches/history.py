#!/usr/bin/env python3
"""A run on top of a year of history against one in an empty warehouse, and a backfill of a month
against the runs that took it in.

    cargo build --release && python3 benches/history.py [--plays 1000000] [--old-plays 100000]

History is a report for each of the 365 days before: of `--plays` plays for the last 62 of them, which are
all that a run can touch (its month, and the dates whose offline plays it may repeat), of `--old-plays`
for those before. The run is one report of `--plays` plays, about 6 % of them offline, for the last day
of a month, so that the month holds 30 other dates. Prints seconds, medians of `--rounds`, and their
ratios. Needs about 50 GB of disk.

Nothing is removed while rounds go on: ext4 steps past inodes that were freed within the last minute, one
by one, each time it makes a file or folder, so that a run after a removal would pay for that.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "target/release/streamledger"


def run(folder, *arguments):
    # What was written before is not to be waited for in this run.
    subprocess.run(["sync"], check=True)
    start = time.perf_counter()
    done = subprocess.run(
        [PROGRAM, *map(str, arguments)], cwd=folder, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return time.perf_counter() - start


def generate(folder, name, plays, days, seed, first_day):
    run(folder, "generate", "--plays", plays, "--days", days, "--seed", seed,
        "--first-day", first_day, "--out", name)
    return folder / name / "inbox"


def nightly(folder, inbox, warehouse, as_of):
    return run(folder, "nightly", "--pipeline", ROOT / "pipelines/nightly.toml", "--inbox", inbox,
               "--warehouse", warehouse, "--as-of", as_of, "-q")


def runs(folder, options):
    old = generate(folder, "old", options.old_plays * 303, 303, 1, "2025-08-31")
    recent = generate(folder, "recent", options.plays * 62, 62, 1, "2026-06-30")
    day = generate(folder, "day", options.plays, 1, 1, "2026-08-31")
    history = folder / "history"
    for part in (old, recent):
        shutil.copytree(part, history, dirs_exist_ok=True, copy_function=os.link)
    nightly(folder, history, "year", "2026-08-31")
    # The inbox of a run holds what came before, too: the same files, since a run reads again what has
    # another inode or was linked since.
    shutil.copytree(day, history, dirs_exist_ok=True, copy_function=os.link)
    empty, full = [], []
    for round in range(options.rounds):
        empty.append(nightly(folder, day, f"empty-{round}", "2026-09-01"))
        # Nothing in a warehouse is written to after it has its name, so links will do.
        copy = f"year-{round}"
        subprocess.run(["cp", "-al", folder / "year", folder / copy], check=True)
        full.append(nightly(folder, history, copy, "2026-09-01"))
    return statistics.median(empty), statistics.median(full)


def months(folder, options):
    inbox = generate(folder, "month", options.month_plays * 30, 30, 2, "2026-09-01")
    by_runs, by_backfill = [], []
    for round in range(options.rounds):
        warehouse = f"month-{round}"
        by_runs.append(nightly(folder, inbox, warehouse, "2026-10-01"))
        by_backfill.append(run(
            folder, "backfill", "--pipeline", ROOT / "pipelines/nightly.toml", "--warehouse", warehouse,
            "--from", "2026-09", "--to", "2026-09", "-q",
        ))
    shutil.rmtree(folder / "month")
    for round in range(options.rounds):
        shutil.rmtree(folder / f"month-{round}")
    return statistics.median(by_runs), statistics.median(by_backfill)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--plays", type=int, default=1_000_000)
    parser.add_argument("--old-plays", type=int, default=100_000)
    parser.add_argument("--month-plays", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=pathlib.Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = pathlib.Path(name)
        by_runs, by_backfill = months(folder, options)
        print(f"30 days by nightly            {by_runs:6.2f} s")
        share = 100 * by_runs / by_backfill
        print(f"30 days by backfill           {by_backfill:6.2f} s   {share:.0f} % of the plays per second")
        # Making the year takes minutes, and nothing of the months is remembered by then.
        empty, full = runs(folder, options)
        print(f"run in an empty warehouse   {empty:6.2f} s")
        print(f"run on a year of history    {full:6.2f} s   {full / empty:.2f} x")


if __name__ == "__main__":
    main()
