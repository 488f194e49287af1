"""Peak memory of a run under one --memory-limit, for days of growing size.

A day that does not fit the limit is split by listener onto disk and judged share by share, so that ten
times the plays need nowhere near ten times the memory. Each size is one report of one day; the peak is
the resident set of the process, files of the page cache left out. The same reports are read once more
with memory to spare, and the tables have to be the same to the byte.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BINARY = ROOT / "target" / "release" / "streamledger"
WORK = ROOT / "benches" / "work"

EXAMPLES = """\
examples:
  memory.py                               1, 10 and 50 million plays a day, under 512 MiB
  memory.py --plays 1000000 10000000 --limit 1GiB

Needs `cargo build --release`, 15 GB of disk and, for the largest day without a limit, 5 GB of memory.
Inboxes and warehouses are in benches/work. Exit code 1 if a table differs.
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sizes = [1_000_000, 10_000_000, 50_000_000]
    parser.add_argument("--plays", type=int, nargs="+", default=sizes, help="plays of a day")
    parser.add_argument("--limit", default="512MiB", help="the limit (default 512MiB)")
    arguments = parser.parse_args()
    if not BINARY.is_file():
        parser.error(f"{BINARY.relative_to(ROOT)} is missing: run `cargo build --release`")

    print(f"{'plays a day':>12}  {'limit':>8}  {'peak MiB':>8}  {'ratio':>5}  {'without limit':>13}  tables")
    first = None
    equal = keeps = True
    limit = limit_mib(arguments.limit)
    for plays in arguments.plays:
        inbox = generate_inbox(plays)
        peak, tables = nightly(inbox, ["--memory-limit", arguments.limit])
        free_peak, free_tables = nightly(inbox, ["--memory-limit", "64GiB"])
        first = first or peak
        same = tables == free_tables
        equal = equal and same
        keeps = keeps and peak <= limit
        verdict = "equal" if same else "DIFFERENT"
        row = f"{plays:>12,}  {arguments.limit:>8}  {peak:>8,.0f}  {peak / first:>4.1f}x"
        print(f"{row}  {free_peak:>13,.0f}  {verdict}", flush=True)
    if not keeps:
        print(f"a peak is above the limit of {arguments.limit}", file=sys.stderr)
    sys.exit(0 if equal and keeps else 1)


def limit_mib(text: str) -> float:
    for unit, size in [("KiB", 1 / 1024), ("MiB", 1), ("GiB", 1024)]:
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * size
    sys.exit(f"a limit such as 512MiB, not {text}")


def generate_inbox(plays: int) -> Path:
    demo = WORK / f"day-{plays}"
    if not demo.is_dir():
        unfinished = demo.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        numbers = ["--plays", str(plays), "--days", "1", "--seed", "7"]
        run([str(BINARY), "generate", *numbers, "--out", str(unfinished)])
        unfinished.rename(demo)
    return demo / "inbox"


def nightly(inbox: Path, options: list[str]) -> tuple[float, dict[str, str]]:
    """One run into a new warehouse: peak MiB, and a hash for each file of a table, but `deliveries`, which says when
    reports came."""
    warehouse = WORK / "warehouse"
    shutil.rmtree(warehouse, ignore_errors=True)
    key = WORK / "listener.key"
    key.write_bytes(bytes(range(32)))
    places = ["--inbox", str(inbox), "--warehouse", str(warehouse)]
    pipeline = ["--pipeline", str(ROOT / "pipelines" / "nightly.toml")]
    fixed = ["--as-of", "2027-01-01", "--listener-key-file", str(key), "--quiet"]
    peak = run([str(BINARY), "nightly", *places, *pipeline, *fixed, *options])
    root = warehouse / "tables"
    tables = {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*.parquet"))
        if path.relative_to(root).parts[0] != "deliveries"
    }
    shutil.rmtree(warehouse)
    return peak, tables


def run(command: list[str]) -> float:
    """Runs a command to its end; peak MiB."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"exit code {process.returncode}: {' '.join(command)}")
    return usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
