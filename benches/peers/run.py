"""Run streamledger and its peers on one inbox, in turn, and print seconds, memory and ratios.

The work is the same for all: every raw-streams report of the inbox to the tables `plays` and
`trends_daily`, and with `--plays-table` Deezer's plain table of plays to the same two; with
`--statement-lines` one statement, or with `--dsr-lines` one sales report of DDEX, to `sales` and
`sales_monthly`. Each round runs each program once, the first one rotating, so that none always runs
on a cold or a hot machine. Each run writes to a fresh directory, after a `sync`; the inbox has been
read once before, so that it is in the page cache for all alike. Seconds are wall time from start to
exit, memory is the peak resident set of the process. CPU seconds tell how busy the machine was with
other things: with two threads they come to nearly twice the wall time on an idle one. The outputs
of the first round are compared to the row.

streamledger does more than the peers in its run: it archives the reports, hashes their content,
keeps the ledger, makes its other tables and publishes with fsync. All of that is in its seconds.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
import venv
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WORK = HERE / "work"
BINARY = ROOT / "target" / "release" / "streamledger"
AS_OF = "2026-09-07"
STATEMENT_AS_OF = "2026-05-31"
SEED = 7

EXAMPLES = """\
examples:
  run.py                                   6,000,000 plays over 6 days, 3 rounds, all three programs
  run.py --plays 1000000 --days 4 --rounds 5
  run.py --inbox demo/inbox --threads 8    an inbox that is there already
  run.py --inbox demo/inbox --skip-ours    the peers alone, compared with each other
  run.py --plays-table 6000000 --days 6    Deezer's plain table of plays, against DuckDB
  run.py --statement-lines 3000000         a statement in DistroKid's layout, against DuckDB
  run.py --dsr-lines 3000000               a sales report of DDEX (DSR, Basic Audio), against DuckDB

Needs `cargo build --release`, unless --skip-ours is given with an inbox that streamledger does not
generate. The first run makes its own Python environment in benches/peers/.venv from
requirements.txt; inboxes and outputs are in benches/peers/work. Exit code 1 if a program failed or
the outputs differ.
"""


@dataclass
class Work:
    """What is measured: reports, who reads them besides streamledger, and how the outputs are compared."""

    inbox: Path
    peers: tuple[str, ...]
    checker: tuple[str, ...]
    # A day on which no month of the reports is over: the peers make no waterfall either.
    as_of: str


@dataclass
class Contestant:
    name: str
    command: list[str]
    output: Path
    # Ours exits with 1 when it is done but has quarantined something.
    done: tuple[int, ...] = (0,)
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    peak_mib: list[float] = field(default_factory=list)


def main() -> None:
    arguments = read_arguments()
    enter_environment()
    work = prepare(arguments)
    contestants = list_contestants(work, arguments)
    read_once(work.inbox)

    equal = True
    for number in range(arguments.rounds):
        turn = number % len(contestants)
        for contestant in contestants[turn:] + contestants[:turn]:
            measure(contestant, number)
        if number == 0:
            equal = compare(contestants, work.checker, arguments.threads)
    for contestant in contestants:
        shutil.rmtree(contestant.output, ignore_errors=True)
    print_table(contestants, arguments.threads)
    sys.exit(0 if equal else 1)


def prepare(arguments: argparse.Namespace) -> Work:
    days = str(arguments.days)
    if lines := arguments.statement_lines:
        inbox = make_statement(lines)
        return Work(inbox, ("duckdb_statements",), ("check_statements.py",), STATEMENT_AS_OF)
    if lines := arguments.dsr_lines:
        inbox = make_inbox(f"dsr-{lines}-{SEED}", "make_dsr.py", ["--lines", str(lines)])
        return Work(inbox, ("duckdb_dsr",), ("check_statements.py",), STATEMENT_AS_OF)
    if rows := arguments.plays_table:
        numbers = ["--rows", str(rows), "--days", days]
        inbox = make_inbox(f"plays-{rows}-{days}-{SEED}", "make_plays.py", numbers)
        return Work(inbox, ("duckdb_plays",), ("check.py", "--store", "deezer"), AS_OF)
    inbox = arguments.inbox or generate_inbox(arguments.plays, arguments.days)
    return Work(inbox.resolve(), ("duckdb_job", "polars_job"), ("check.py",), AS_OF)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--plays", type=int, default=6_000_000, help="plays of the generated inbox")
    parser.add_argument("--days", type=int, default=6, help="days of the generated inbox")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each program (default 3)")
    parser.add_argument("--threads", type=int, default=2, help="threads of each (default 2)")
    other = parser.add_mutually_exclusive_group()
    other.add_argument(
        "--plays-table", type=int, metavar="ROWS", help="read Deezer's plays in place of Spotify's"
    )
    other.add_argument(
        "--statement-lines", type=int, metavar="LINES", help="read a statement in place of plays"
    )
    other.add_argument(
        "--dsr-lines", type=int, metavar="LINES", help="read a sales report of DDEX in place of plays"
    )
    other.add_argument("--inbox", type=Path, help="an inbox to use in place of a generated one")
    parser.add_argument("--skip-ours", action="store_true", help="run the peers only")
    arguments = parser.parse_args()
    others = (arguments.plays_table, arguments.statement_lines, arguments.dsr_lines, arguments.inbox)
    if not (BINARY.is_file() or (arguments.skip_ours and any(others))):
        parser.error(f"{BINARY.relative_to(ROOT)} is missing: run `cargo build --release`")
    return arguments


def enter_environment() -> None:
    """Go on in the environment of requirements.txt, rebuilt when the pins have changed."""
    environment = HERE / ".venv"
    python = environment / "bin" / "python"
    pins = HERE / "requirements.txt"
    installed = environment / "requirements.txt"
    if not installed.is_file() or installed.read_text() != pins.read_text():
        log(f"making {environment} from {pins.name}")
        venv.create(environment, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", pins], check=True)
        shutil.copyfile(pins, installed)
    if Path(sys.prefix).resolve() != environment:
        os.execv(python, [str(python), *sys.argv])


def generate_inbox(plays: int, days: int) -> Path:
    demo = WORK / f"demo-{plays}-{days}-{SEED}"
    # Another program may generate another inbox.
    if not demo.is_dir() or demo.stat().st_mtime < BINARY.stat().st_mtime:
        log(f"generating {plays:,} plays over {days} days")
        # Under another name until it is whole, so that a broken one is never taken for it.
        unfinished = demo.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        numbers = ["--plays", str(plays), "--days", str(days), "--seed", str(SEED)]
        subprocess.run([BINARY, "generate", *numbers, "--out", unfinished], check=True, cwd=ROOT)
        shutil.rmtree(demo, ignore_errors=True)
        unfinished.rename(demo)
    return demo / "inbox"


def make_statement(lines: int) -> Path:
    inbox = WORK / f"statement-{lines}-{SEED}"
    statement = inbox / "distrokid" / "statement.tsv"
    if not statement.is_file():
        log(f"making a statement of {lines:,} lines")
        unfinished = WORK / "statement.unfinished"
        numbers = ["--lines", str(lines), "--seed", str(SEED)]
        command = [sys.executable, str(HERE / "make_statement.py"), *numbers, "--out", str(unfinished)]
        subprocess.run(command, check=True)
        statement.parent.mkdir(parents=True, exist_ok=True)
        unfinished.rename(statement)
    return inbox


def make_inbox(name: str, script: str, numbers: list[str]) -> Path:
    """An inbox of one of the generators here, made again when the generator has changed."""
    inbox = WORK / name
    if not inbox.is_dir() or inbox.stat().st_mtime < (HERE / script).stat().st_mtime:
        log(f"making {name}")
        # Under another name until it is whole, so that a broken one is never taken for it.
        unfinished = inbox.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        command = [sys.executable, str(HERE / script), *numbers, "--seed", str(SEED)]
        subprocess.run([*command, "--out", str(unfinished)], check=True)
        shutil.rmtree(inbox, ignore_errors=True)
        unfinished.rename(inbox)
    return inbox


def read_once(inbox: Path) -> None:
    """Into the page cache; in small pieces, for a child's peak starts from its parent's."""
    files = [path for path in inbox.rglob("*") if path.is_file()]
    n_bytes = 0
    for path in files:
        with path.open("rb", buffering=0) as file:
            while piece := file.read(2**20):
                n_bytes += len(piece)
    log(f"{inbox}: {len(files)} files, {n_bytes / 2**20:,.0f} MiB, {os.cpu_count()} processors")


def list_contestants(work: Work, arguments: argparse.Namespace) -> list[Contestant]:
    threads = ["--threads", str(arguments.threads)]
    contestants = []
    if not arguments.skip_ours:
        output = WORK / "out-streamledger"
        pipeline = str(ROOT / "pipelines" / "nightly.toml")
        places = ["--inbox", str(work.inbox), "--warehouse", str(output), "--pipeline", pipeline]
        command = [str(BINARY), "nightly", *places, *threads, "--as-of", work.as_of]
        contestants.append(Contestant("streamledger", command, output, done=(0, 1)))
    for job in work.peers:
        name = job.split("_")[0]
        output = WORK / f"out-{name}"
        places = ["--inbox", str(work.inbox), "--out", str(output)]
        command = [sys.executable, str(HERE / f"{job}.py"), *places, *threads]
        contestants.append(Contestant(name, command, output))
    return contestants


def measure(contestant: Contestant, number: int) -> None:
    shutil.rmtree(contestant.output, ignore_errors=True)
    WORK.mkdir(exist_ok=True)
    log_file = WORK / f"{contestant.name}.log"
    os.sync()
    with log_file.open("w") as file:
        start = time.perf_counter()
        process = subprocess.Popen(contestant.command, stdout=file, stderr=file, cwd=ROOT)
        # wait4 gives the peak of this one child; RUSAGE_CHILDREN would give that of the largest.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
    code = os.waitstatus_to_exitcode(status)
    if code not in contestant.done:
        raise SystemExit(f"{contestant.name} failed with {code}:\n{log_file.read_text()[-4000:]}")
    contestant.seconds.append(seconds)
    contestant.cpu_seconds.append(usage.ru_utime + usage.ru_stime)
    contestant.peak_mib.append(usage.ru_maxrss / 1024)
    note = f", exit code {code}: see {log_file.relative_to(ROOT)}" if code else ""
    log(
        f"round {number + 1}: {contestant.name:<12} {seconds:7.2f} s"
        f" {contestant.peak_mib[-1]:7,.0f} MiB{note}"
    )


def compare(contestants: list[Contestant], checker: tuple[str, ...], threads: int) -> bool:
    outputs = [str(contestant.output) for contestant in contestants]
    if len(outputs) == 1:
        return True
    script, *options = checker
    check = [sys.executable, str(HERE / script), *outputs, *options, "--threads", str(threads)]
    return subprocess.run(check, check=False).returncode == 0


def print_table(contestants: list[Contestant], threads: int) -> None:
    first = contestants[0]
    print(f"\n{len(first.seconds)} rounds, {threads} threads; medians; ratios to {first.name}\n")
    headings = ("seconds", "lowest", "highest", "ratio", "CPU s", "MiB", "ratio")
    print(f"{'':<12}", *(f"{heading:>9}" for heading in headings))
    seconds_of_first = statistics.median(first.seconds)
    peak_of_first = statistics.median(first.peak_mib)
    for contestant in contestants:
        seconds = statistics.median(contestant.seconds)
        peak = statistics.median(contestant.peak_mib)
        print(
            f"{contestant.name:<12} {seconds:9.2f} {min(contestant.seconds):9.2f}"
            f" {max(contestant.seconds):9.2f} {seconds / seconds_of_first:9.2f}"
            f" {statistics.median(contestant.cpu_seconds):9.2f}"
            f" {peak:9,.0f} {peak / peak_of_first:9.2f}"
        )


def log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
