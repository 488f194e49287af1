"""Make Deezer's plays of some days from a seed: the benchmark's input for the plain table of `plays`.

A report a day, packed by gzip, with a line for each listener, track and way of playing, in no order.
Tracks are popular to very different degrees. Most listeners have a line or two a day, few have dozens:
the mean is about 4, the 99th percentile about 26. About one line in seven stops before 30 s.

Beside the ordinary listeners there is, for every 50,000 lines, one set of those that the rules look
for: about 1,500 lines, so that each rule that can apply to this store does. It sends no times of day,
so that nothing was heard before its day, and a repeated line is one play too many only where it was
played for no time at all: a few skips are repeated. Some cells are what a real report has too: an
ISRC with hyphens or of no ISRC's form, a wrong check digit, no length, no listener, an unknown service.
"""

import argparse
import gzip
import random
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from make_statement import upc_of

EXAMPLES = """\
examples:
  make_plays.py --rows 6000000 --days 6 --out inbox          inbox/deezer/LMERLIN_20260901_20260901.tsv.gz ...
  make_plays.py --rows 100000 --days 2 --seed 8 --out inbox
"""

HEADER = (
    "Start Report\tEnd Report\tISRC\tArtist\tTitle\tAlbum\tUPC\tCountry\tNb of plays\tRoyalties\tService\t"
    "Provider\tprovider_id\tLabel\tService_name\tTrack_duration\tPlay_percent\tCached_play\tContext_type\t"
    "Playlist_Id\tPlaylist_name\tUser_id\tGender\tBirth_year\tDevice_type\tOS\n"
)
FIRST_DAY = date(2026, 9, 1)
LINES_OF_A_SET = 50_000
N_TRACKS = 30_000
N_RELEASES = 6_000
N_PLAYLISTS = 20_000
COUNTRIES = (
    "FR FR FR FR BR BR BR DE DE GB US MX CO CA BE CH NL ES IT PL RO SE NO DK AT PT AR CL PE ZA MA TN EG SN CI ID "
    "PH TR UK XX"
).split()
# What a listener pays, whether he may store tracks, and how often that is.
SERVICES = (
    ("SubscriptionModel", True, 40),
    ("FREE", False, 22),
    ("FAMILYHIFI", True, 14),
    ("ADS", False, 6),
    ("Deezer Student", True, 6),
    ("DUO", True, 5),
    ("Premium Trial", True, 4),
    ("DEEZER_B2B", False, 2),
    ("", False, 1),
)
DEVICES = (
    "mobile\tios",
    "mobile\tios",
    "mobile\tandroid",
    "mobile\tandroid",
    "mobile\tandroid",
    "desktop\twindows",
    "desktop\tmacos",
    "tablet\tios",
    "speaker\tother",
    "\t",
)
CONTEXTS = ("playlist", "playlist", "playlist", "album", "album", "flow", "search", "library", "radio", "")
# Lines of a listener on a day, from and to, and how often that is.
HABITS = ((1, 1, 52), (2, 2, 22), (3, 6, 17), (7, 15, 7), (16, 30, 2))


class Track(NamedTuple):
    """A recording, and the cells by which a report names it."""

    names: str
    seconds: int | None


class Listener(NamedTuple):
    """A listener, and the cells that are the same in all of his lines."""

    country: str
    service: str
    may_store: bool
    person: str


class Way(NamedTuple):
    """How a track was played: the cells of a line that are neither the track's nor the listener's."""

    plays: int
    percent: str
    is_stored: bool
    context: str
    playlist: str


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, required=True, help="lines of all days together")
    parser.add_argument("--days", type=int, default=6, help="days from 1 September 2026 on (default 6)")
    parser.add_argument("--seed", type=int, default=7, help="the same seed makes the same reports (default 7)")
    parser.add_argument("--out", type=Path, required=True, help="the inbox")
    arguments = parser.parse_args()
    numbers = random.Random(arguments.seed)
    tracks = make_tracks(numbers)
    rows_a_day = arguments.rows // arguments.days
    listeners = [make_listener(numbers) for _ in range(max(100, rows_a_day * 2 // 3))]
    folder = arguments.out / "deezer"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(arguments.days):
        day = FIRST_DAY + timedelta(days=number)
        n_rows = rows_a_day + (arguments.rows % arguments.days if number == 0 else 0)
        lines = GeneratedDay(numbers, tracks, listeners, day).make(n_rows)
        path = folder / f"LMERLIN_{day:%Y%m%d}_{day:%Y%m%d}.tsv.gz"
        # Without the time at which it was packed, so that the same seed makes the same bytes.
        with path.open("wb") as file, gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
            packed.write(HEADER.encode())
            for start in range(0, len(lines), 50_000):
                packed.write("".join(lines[start : start + 50_000]).encode())


def make_tracks(numbers: random.Random) -> list[Track]:
    tracks = []
    for number in range(N_TRACKS):
        release = number * N_RELEASES // N_TRACKS
        isrc = f"FRZ1226{number:05}"
        # An EAN has thirteen digits; the check digit is the same.
        upc = f"0{upc_of(release)}"
        seconds: int | None = int(min(max(numbers.gauss(205, 45), 61), 900))
        # Those few that are written in another way, or wrongly: of 500 tracks one each.
        match number % 500:
            case 99:
                isrc = f"FR-Z12-26-{number:05}"
            case 199:
                isrc = f"FRZ12{number:05}"
            case 299:
                upc = ""
            case 399:
                upc = f"{upc[:-1]}{(int(upc[-1]) + 1) % 10}"
            case 499:
                seconds = None
        names = f"{isrc}\tArtist {release % 800}\tSong Number {number}\tAlbum Number {release}\t{upc}"
        tracks.append(Track(names, seconds))
    return tracks


def make_listener(numbers: random.Random) -> Listener:
    (chosen,) = numbers.choices(SERVICES, [weight for _, _, weight in SERVICES])
    service, may_store, _ = chosen
    country = COUNTRIES[int(numbers.random() * len(COUNTRIES))]
    # Of one in 300 the report names nobody.
    name = f"{numbers.getrandbits(64):016x}" if numbers.random() > 1 / 300 else ""
    gender = ("F", "M", "")[int(numbers.random() * 3)]
    device = DEVICES[int(numbers.random() * len(DEVICES))]
    person = f"{name}\t{gender}\t{1945 + int(numbers.random() * 68)}\t{device}"
    return Listener(country, service, may_store, person)


class GeneratedDay:
    """The lines of one day."""

    def __init__(
        self, numbers: random.Random, tracks: list[Track], listeners: list[Listener], day: date
    ) -> None:
        self.numbers = numbers
        self.tracks = tracks
        self.timed_tracks = [track for track in tracks if track.seconds is not None]
        self.listeners = listeners
        self.dates = f"{day:%d-%m-%Y}\t{day:%d-%m-%Y}"
        self.lines: list[str] = []

    def make(self, n_rows: int) -> list[str]:
        for _ in range(max(1, n_rows // LINES_OF_A_SET)):
            self.let_the_rules_have_something()
        del self.lines[n_rows:]
        lowest, highest, weights = zip(*HABITS, strict=True)
        while len(self.lines) < n_rows:
            for habit in self.numbers.choices(range(len(HABITS)), weights, k=1_000):
                n_lines = self.numbers.randint(lowest[habit], highest[habit])
                self.let_play(self.any_listener(), min(n_lines, n_rows - len(self.lines)))
        del self.lines[n_rows:]
        self.numbers.shuffle(self.lines)
        return self.lines

    def any_listener(self) -> Listener:
        return self.listeners[int(self.numbers.random() * len(self.listeners))]

    def any_track(self) -> Track:
        pick = self.numbers.random()
        return self.tracks[int(pick * pick * pick * N_TRACKS)]

    def write(self, listener: Listener, track: Track, way: Way) -> None:
        seconds = "" if track.seconds is None else track.seconds
        self.lines.append(
            f"{self.dates}\t{track.names}\t{listener.country}\t{way.plays}\t0\t{listener.service}\tprovider\t"
            f"118\tA Label\tDeezer\t{seconds}\t{way.percent}\t{int(way.is_stored)}\t{way.context}\t"
            f"{way.playlist}\t{listener.person}\n"
        )

    def let_play(self, listener: Listener, n_lines: int) -> None:
        """What an ordinary listener plays."""
        for _ in range(n_lines):
            track = self.any_track()
            way = self.any_way(listener, self.any_percent(track.seconds or 200))
            self.write(listener, track, way)
            if way.percent == "0":
                self.write(listener, track, self.any_way(listener, "0"))

    def any_way(self, listener: Listener, percent: str, plays: int | None = None) -> Way:
        draw = self.numbers.random
        if plays is None:
            plays = 1 if draw() < 0.92 else 2 + int(draw() * draw() * 6)
        context, playlist = CONTEXTS[int(draw() * len(CONTEXTS))], "\t"
        if context == "playlist":
            number = int(draw() ** 2 * N_PLAYLISTS)
            playlist = f"{90_000_000 + number}\tPlaylist {number}"
        return Way(plays, percent, listener.may_store and draw() < 0.08, context, playlist)

    def any_percent(self, seconds: int) -> str:
        draw = self.numbers.random
        least = 3_000 / seconds
        if draw() < 0.14:
            # The smaller of two draws: most skips come early. Some are none at all.
            return "0" if draw() < 0.02 else f"{min(draw(), draw()) * least:.2f}"
        if draw() < 0.6:
            return "100"
        return f"{least + draw() * (100 - least):.{4 if draw() < 0.02 else 2}f}"

    def let_the_rules_have_something(self) -> None:
        """One listener each of those that rules 4 to 8 look for."""
        at_seconds = self.at_seconds
        draw = self.numbers.random
        # Rule 4: more plays than a day has room for.
        self.special(300, lambda _: (10 + int(draw() * 3), "100"))
        # Rule 5: more played time than a day has.
        self.special(560, lambda _: (1, "100"))
        # Rule 6: nothing above 80 s; and each track cut at a place of its own.
        self.special(420, lambda seconds: (1, at_seconds(30 + draw() * 45, seconds)))
        self.special(170, lambda seconds: (1, at_seconds(40 + draw() * (seconds * 0.9 - 40), seconds)))
        # Rule 6 again: few tracks, many plays, and so few different lengths.
        self.special(8, lambda _: (25, "100"))
        # Rule 7: one track over and over.
        self.special(1, lambda _: (50 + int(draw() * 70), "100"))
        # Rule 8: most plays end just after they pay.
        self.special(
            80, lambda seconds: (1, at_seconds(30.1 + draw() * (5 if draw() < 0.8 else 60), seconds))
        )

    def special(self, n_lines: int, choose: Callable[[int], tuple[int, str]]) -> None:
        """A listener of his own, with a line for each of so many tracks: plays and percent by its length."""
        listener = make_listener(self.numbers)
        while listener.person.startswith("\t"):
            listener = make_listener(self.numbers)
        for track in self.numbers.sample(self.timed_tracks, n_lines):
            plays, percent = choose(track.seconds or 0)
            self.write(listener, track, self.any_way(listener, percent, plays))

    @staticmethod
    def at_seconds(played: float, seconds: int) -> str:
        """The share of the track that is so many seconds."""
        return f"{min(100.0, 100 * played / seconds):.3f}"


if __name__ == "__main__":
    main()
