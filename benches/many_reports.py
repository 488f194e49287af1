#!/usr/bin/env python3
"""A run over many reports of one row each, and the run after it, which finds nothing new.

    python3 benches/many_reports.py [--reports 100000] [--dates 100] [--work FOLDER] [--keep]

Prints the seconds of both runs, and the peak memory of each. The warehouse is made where the work folder
lies: on a disk, most of what the first run waits for are syncs.
"""

import argparse
import datetime
import json
import os
import pathlib
import resource
import shutil
import subprocess
import tempfile
import time

HEADER = ("day\tlog_time\tcustomer_id\ttrack_id\tisrc\tcountry_code\tstream_length\tstream_cached\tupc\t"
          "access\tfinancial_product\toffline_timestamp\tstream_source\n")
COUNTRIES = ["GB", "US", "DE", "FR", "BR", "JP", "SE", "MX"]


def write_reports(inbox, n_reports, n_dates):
    first = datetime.date(2026, 1, 1)
    for number in range(n_reports):
        date = first + datetime.timedelta(days=number % n_dates)
        folder = inbox / "spotify" / date.strftime("%Y-%m-%d")
        if number < n_dates:
            folder.mkdir(parents=True)
        cells = [str(date), f"{date}T{number % 24:02}:15:00", f"{number:032x}", f"{number % 500:022}",
                 f"ZZSL126{number % 500:05}", COUNTRIES[number % len(COUNTRIES)], "200", "false", "",
                 "premium", "premium", "", "playlist"]
        (folder / f"streams_{number:06}.tsv").write_text(HEADER + "\t".join(cells) + "\n")
    return first + datetime.timedelta(days=n_dates)


def run(program, work, as_of):
    arguments = [program, "nightly", "--inbox", work / "inbox", "--warehouse", work / "warehouse",
                 "--as-of", str(as_of), "--format", "json"]
    start = time.monotonic()
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
    assert os.waitstatus_to_exitcode(status) == 0, output
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, json.loads(output)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--reports", type=int, default=100_000)
    parser.add_argument("--dates", type=int, default=100)
    parser.add_argument("--program", default="target/release/streamledger")
    parser.add_argument("--work", type=pathlib.Path)
    parser.add_argument("--keep", action="store_true")
    given = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="many-", dir=given.work or "target"))
    try:
        as_of = write_reports(work / "inbox", given.reports, given.dates)
        for name in ["first run", "next run"]:
            seconds, cpu, memory, _ = run(given.program, work, as_of)
            print(f"{name}: {given.reports} reports, {seconds:.1f} s, {cpu:.1f} CPU s, {memory:.0f} MiB",
                  flush=True)
    finally:
        if not given.keep:
            shutil.rmtree(work)


if __name__ == "__main__":
    main()
