"""Make one statement of DistroKid's layout from a seed: the benchmark's input for `sales`.

A line for each sale month, shop, recording and country, in no order. Recordings are popular to very
different degrees, as in a catalogue; some lines are of an album and have no ISRC.
"""

import argparse
import random
from pathlib import Path

COLUMNS = (
    "Reporting Date\tSale Month\tStore\tArtist\tTitle\tISRC\tUPC\tQuantity\tTeam Percentage\tSong/Album\t"
    "Country of Sale\tSongwriter Royalties Withheld (USD)\tEarnings (USD)\n"
)
SHOPS = ("Spotify", "Apple Music", "Deezer", "TikTok", "Tidal", "Amazon Unlimited (Streaming)")
COUNTRIES = (
    "US GB DE FR SE NO DK FI NL BE ES IT PT PL CZ AT CH IE CA AU NZ JP KR BR MX AR CL CO PE ZA NG KE IN ID PH"
).split()
MONTHS = ("2026-05", "2026-06")
N_RECORDINGS = 30_000
N_RELEASES = 6_000


def upc_of(number: int) -> str:
    """Twelve digits with a right check digit (GS1: weights 3 and 1 in turn from the right)."""
    digits = f"{85_000_000_000 + number:011}"
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, required=True)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    numbers = random.Random(arguments.seed)
    recordings = []
    for track in range(N_RECORDINGS):
        release = track * N_RELEASES // N_RECORDINGS
        names = f"Artist {release % 800}\tSong Number {track}"
        recordings.append(f"{names}\tQZFC126{track:05}\t{upc_of(release)}")
    albums = [
        f"Artist {release % 800}\tAlbum {release}\t\t{upc_of(release)}" for release in range(N_RELEASES)
    ]
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with arguments.out.open("w", encoding="utf-8", newline="\n") as out:
        out.write(COLUMNS)
        for _ in range(arguments.lines):
            pick = numbers.random()
            kind, what = "Song", recordings[int(pick * pick * N_RECORDINGS)]
            if numbers.random() < 0.01:
                kind, what = "Album", albums[int(pick * N_RELEASES)]
            quantity = int(numbers.paretovariate(0.7)) % 100_000
            earned = quantity * (0.002 + 0.003 * numbers.random())
            shop = SHOPS[int(numbers.random() ** 2 * len(SHOPS))]
            country = COUNTRIES[int(numbers.random() ** 2 * len(COUNTRIES))]
            month = MONTHS[numbers.random() < 0.8]
            out.write(
                f"2026-08-14\t{month}\t{shop}\t{what}\t{quantity}\t100\t{kind}\t{country}\t0.00\t{earned:.12f}\n"
            )


if __name__ == "__main__":
    main()
