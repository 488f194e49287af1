"""Make a sales report of DDEX (DSR, profile Basic Audio) from a seed: the benchmark's input of records.

One report of a month in twelve territories, with two commercial models each: a summary record (SY01) for
each of these, then a block for each release with its record (RE01), its recordings (AS01) and a line of
usage (SU02) for each recording and summary in which it was used, and a footer whose counts are right. The
usages of a summary record are the sum of its lines. Releases come in no order of their codes; recordings
are popular to very different degrees: most were used in a few territories, some in all.

Some records are what a real report has too: a recording without an ISRC or with a text that is none, a
release with a wrong check digit, usage of a release as a whole or without its release, whether it bears a
royalty not said, a use type of its own, whole numbers with decimals, quotes, and separators as characters.
"""

import argparse
import random
import shutil
from pathlib import Path
from typing import NamedTuple

from make_statement import upc_of

EXAMPLES = """\
examples:
  make_dsr.py --lines 3000000 --out inbox                      inbox/spotify/DSR_PADPIDA2_PADPIDA1_....tsv
  make_dsr.py --lines 100000 --seed 8 --out inbox

The last block is written whole, so that a report may have some more lines.
"""

NAME = "DSR_PADPIDA2_PADPIDA1_Premium_2026-05_Multi_1of1_20260612T100000.tsv"
HEAD = (
    "HEAD\tdsrf/1.1/1.4.1/1.3\tBasicAudioProfile\t1.3\tM1\t2026-06-12T10:00:00Z\t1\t1\t2026-05-01\t2026-05-31\t"
    "PADPIDA1\tStore\tPremium\tPADPIDA2\tUs\t\n"
)
TERRITORIES = "US GB DE FR BR MX SE NL IT ES AU JP".split()
MODELS = ("SubscriptionModel", "AdvertisementSupportedModel")
# Of 7-digit numbers that follow each other, codes that do not.
SCATTER, N_CODES = 7_654_321, 10_000_000


class Summary(NamedTuple):
    """A summary record; its usages are known when all lines are."""

    id: str
    model: str
    territory: str


class Recording(NamedTuple):
    """A recording of a block: its reference, and of how many summaries it is used in."""

    reference: str
    record: str
    n_summaries: int


class GeneratedReport:
    """The blocks of a report, and what its summary records and footer say of them."""

    def __init__(self, seed: int) -> None:
        self.numbers = random.Random(seed)
        pairs = [(territory, model) for territory in TERRITORIES for model in MODELS]
        self.summaries = [Summary(f"S{n}", model, place) for n, (place, model) in enumerate(pairs, 1)]
        self.usages = [0] * len(self.summaries)
        self.n_lines = 0
        self.n_blocks = 0
        self.n_recordings = 0

    def block(self) -> str:
        """A release, its recordings, and their usage."""
        self.n_blocks += 1
        block, draw = f"B{self.n_blocks}", self.numbers.random
        # Singles, mostly; some albums.
        n_tracks = 1 if draw() < 0.5 else 2 + int(draw() * draw() * 14)
        recordings = [self.recording(block, place) for place in range(1, n_tracks + 1)]
        lines = [self.release(block), *(recording.record for recording in recordings)]
        for recording in recordings:
            chosen = self.numbers.sample(range(len(self.summaries)), recording.n_summaries)
            lines += [self.usage(block, recording.reference, summary) for summary in sorted(chosen)]
        self.n_lines += len(lines)
        return "".join(lines)

    def release(self, block: str) -> str:
        number = self.n_blocks
        code = upc_of(number * SCATTER % N_CODES)
        if number % 400 == 0:
            code = f"{code[:-1]}{(int(code[-1]) + 1) % 10}"
        return (
            f"RE01.02\t{block}\tR1\trel{number}\t\t\t{code}\tArtist {number % 9_000}\t\t"
            f'"(P) 2026 & Sons\t\tAlbum {number}\tA Label\t\t\n'
        )

    def recording(self, block: str, place: int) -> Recording:
        self.n_recordings += 1
        number, draw = self.n_recordings, self.numbers.random
        isrc = f"GBXY1{number * SCATTER % N_CODES:07}"
        if number % 500 == 0:
            isrc = ("", "NOTANISRC", f"{isrc[:2]}-{isrc[2:5]}-{isrc[5:7]}-{isrc[7:]}")[number // 500 % 3]
        record = (
            f"AS01.02\t{block}\tA{place}\ttrk{number:08}\t{isrc}\tSong \\| Number {number}\t\t"
            f"Artist {self.n_blocks % 9_000}\t\tPT3M{number % 60}S\tSoundRecording\ttrue\n"
        )
        return Recording(f"A{place}", record, 1 + int(draw() ** 4 * len(self.summaries)))

    def usage(self, block: str, resource: str, summary: int) -> str:
        draw = self.numbers.random
        units = int(self.numbers.paretovariate(0.7)) % 100_000
        self.usages[summary] += units
        chance, release = draw(), "R1"
        if chance < 0.005:
            resource = ""
        elif chance < 0.05:
            release = ""
        bearing = "true" if chance < 0.93 else "false" if chance < 0.98 else ""
        use_type = "ProgrammedContentStream" if draw() < 0.05 else ""
        decimals = ".0" if chance > 0.995 else ""
        return (
            f"SU02.03\t{block}\t{self.summaries[summary].id}\tX{self.n_blocks}\t{release}\t{resource}\t{bearing}\t"
            f"{units}{decimals}\t\t\t{use_type}\t\n"
        )

    def summary_lines(self) -> list[str]:
        lines = ["#SY01.02\tSummaryRecordId\n"]
        for summary, usages in zip(self.summaries, self.usages, strict=True):
            use_type = "OnDemandStream" if summary.model == MODELS[0] else "Stream"
            lines.append(
                f"SY01.02\t{summary.id}\t\t\t{summary.model}\t{use_type}\t{summary.territory}\tPremium\t{usages}\t"
                f"5000\tEUR\t{usages * 0.003:.2f}\t0\n"
            )
        return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, required=True, help="lines of the report, about")
    parser.add_argument("--seed", type=int, default=7, help="the same seed makes the same report (default 7)")
    parser.add_argument("--out", type=Path, required=True, help="the inbox")
    arguments = parser.parse_args()
    folder = arguments.out / "spotify"
    folder.mkdir(parents=True, exist_ok=True)
    report, blocks = GeneratedReport(arguments.seed), folder / "blocks.part"
    # Head, comment, summaries and footer.
    n_others = len(report.summaries) + 3
    with blocks.open("w", encoding="utf-8", newline="\n") as file:
        while report.n_lines < arguments.lines - n_others:
            file.write(report.block())
    n_lines, n_blocks = report.n_lines + n_others, report.n_blocks
    foot = f"FOOT\t{n_lines}\t{n_lines}\t{len(report.summaries)}\t{n_blocks}\t{n_blocks}\n"
    # The summary records stand before the lines that they sum.
    with (folder / NAME).open("wb") as whole, blocks.open("rb") as file:
        whole.write("".join([HEAD, *report.summary_lines()]).encode())
        shutil.copyfileobj(file, whole)
        whole.write(foot.encode())
    blocks.unlink()


if __name__ == "__main__":
    main()
