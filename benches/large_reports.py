"""A run on one large report of each family: seconds, megabytes of text a second, and peak memory.

The same layout is read in a tenth of the size first: memory must not grow with the file, nor above the limit.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BINARY = ROOT / "target" / "release" / "streamledger"
WORK = ROOT / "benches" / "work" / "large"
CHUNK_BYTES = 20_000_000

EXAMPLES = """\
examples:
  large_reports.py                        100 MB and 1 GB of three layouts
  large_reports.py --bytes 3000000000 --layouts distrokid

Needs `cargo build --release`, and twice the size of the largest report on the disk. Exit code 1 if a peak is above
the limit.
"""

TERRITORIES = ["DE", "US", "FR", "BR", "JP", "GB", "SE", "MX"]


def distrokid(rng: random.Random, number: int) -> str:
    isrc, units = f"GBXY1{rng.randrange(30_000):07}", rng.randrange(100_000)
    month, territory = 1 + number // 400_000 % 6, rng.choice(TERRITORIES)
    return (
        f"2026-10-14\t2026-{month:02}\tSpotify\tAn Artist\tA Title\t{isrc}\t\t{units}\t100\tSong\t{territory}\t"
        f"0.00\t{rng.randrange(90)}.{rng.randrange(10**8):08}\r\n"
    )


def dsr(rng: random.Random, number: int) -> str:
    isrc = f"GBXY1{rng.randrange(30_000):07}"
    return (
        f"AS01.03\tB{number}\tA1\tdsp{number % 30_000}\t{isrc}\tA Title\t\tAn Artist\t\tPT3M\tSoundRecording\n"
        f"SU02.03\tB{number}\tS{rng.randrange(3)}\tX\t\tA1\ttrue\t{rng.randrange(10_000)}\t\t\tOnDemandStream\t\n"
    )


def deezer(rng: random.Random, number: int) -> str:
    isrc, day = f"GBXY1{rng.randrange(30_000):07}", 1 + number // 100_000 % 28
    return (
        f"{day:02}-09-2026\t{day:02}-09-2026\t{isrc}\tAn Artist\tA Title\tAn Album\t\t{rng.choice(TERRITORIES)}\t1\t0\t"
        f"FREE\tp\t1\tL\ts\t{60 + rng.randrange(300)}\t{rng.randrange(101)}\t{rng.randrange(2)}\tplaylist\t\t\t"
        f"user{number % 3_000_000}\t\t\tmobile\tios\n"
    )


def dsr_head() -> str:
    head = "HEAD\tdsrf/1\tBasicAudioProfile\t1.4\tM\t2026-10-02T10:00:00Z\t1\t1\t2026-09-01\t2026-09-30\tP\tStore\tPremium\tQ\tUs\n"
    # Of a market, so that its total binds nobody: the generator does not know the sum beforehand.
    sy = "SY02.03\tS{}\t\t\tSubscriptionModel\tOnDemandStream\tDE\tPremium\t0\t7\tEUR\t1.5\tUs\n"
    return head + "".join(sy.format(number) for number in range(3))


LAYOUTS = {
    "distrokid": (
        "Reporting Date\tSale Month\tStore\tArtist\tTitle\tISRC\tUPC\tQuantity\tTeam Percentage\tSong/Album\tCountry of Sale\t"
        "Songwriter Royalties Withheld (USD)\tEarnings (USD)\r\n",
        distrokid,
        "distrokid/statement.tsv",
    ),
    "ddex-basic-audio": (dsr_head(), dsr, "spotify/report.tsv"),
    "deezer-trends": (
        "Start Report\tEnd Report\tISRC\tArtist\tTitle\tAlbum\tUPC\tCountry\tNb of plays\tRoyalties\tService\tProvider\t"
        "provider_id\tLabel\tService_name\tTrack_duration\tPlay_percent\tCached_play\tContext_type\tPlaylist_Id\tPlaylist_name\t"
        "User_id\tGender\tBirth_year\tDevice_type\tOS\n",
        deezer,
        "deezer/LMERLIN_20260901_20260930.txt",
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bytes", type=int, default=1_000_000_000, help="size of the large report")
    parser.add_argument("--layouts", nargs="+", choices=LAYOUTS, default=list(LAYOUTS))
    parser.add_argument("--limit", default="512MiB", help="--memory-limit of the runs")
    arguments = parser.parse_args()
    if not BINARY.is_file():
        parser.error(f"{BINARY.relative_to(ROOT)} is missing: run `cargo build --release`")
    limit, keeps = limit_mib(arguments.limit), True
    print(f"{'layout':<18}  {'MB':>5}  {'rows':>10}  {'seconds':>7}  {'MB/s':>5}  {'peak MiB':>8}", flush=True)
    for layout in arguments.layouts:
        for n_bytes in (arguments.bytes // 10, arguments.bytes):
            shutil.rmtree(WORK, ignore_errors=True)
            inbox = WORK / "inbox"
            n_rows = generate(layout, n_bytes, inbox)
            seconds, peak = run(inbox, arguments.limit)
            keeps = keeps and peak <= limit
            rate = n_bytes / 1e6 / seconds
            print(f"{layout:<18}  {n_bytes / 1e6:>5,.0f}  {n_rows:>10,}  {seconds:>7.2f}  {rate:>5.0f}  {peak:>8,.0f}", flush=True)
    shutil.rmtree(WORK, ignore_errors=True)
    if not keeps:
        sys.exit(f"a peak is above the limit of {arguments.limit}")


def limit_mib(text: str) -> float:
    for unit, size in [("KiB", 1 / 1024), ("MiB", 1), ("GiB", 1024)]:
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * size
    sys.exit(f"a limit such as 512MiB, not {text}")


def generate(layout: str, n_bytes: int, inbox: Path) -> int:
    head, row, name = LAYOUTS[layout]
    path = inbox / name
    path.parent.mkdir(parents=True)
    rng = random.Random(7)
    written = n_rows = n_lines = 0
    with path.open("wb") as file:
        written += file.write(head.encode())
        n_lines += head.count("\n")
        while written < n_bytes:
            chunk = []
            size = 0
            while size < min(CHUNK_BYTES, n_bytes - written):
                text = row(rng, n_rows)
                chunk.append(text)
                size += len(text)
                n_rows += 1
            text = "".join(chunk)
            n_lines += text.count("\n")
            written += file.write(text.encode())
        if layout.startswith("ddex"):
            n_lines += 1
            file.write(f"FOOT\t{n_lines}\t{n_lines}\t3\t{n_rows}\t{n_rows}\n".encode())
    return n_rows


def run(inbox: Path, limit: str) -> tuple[float, float]:
    warehouse = WORK / "warehouse"
    command = [BINARY, "nightly", "--inbox", inbox, "--warehouse", warehouse, "--memory-limit", limit]
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        sys.exit(f"the run ended with exit code {code}")
    return seconds, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
