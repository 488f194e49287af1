"""What the peers and the oracle must agree on before they may differ in how they compute.

Tables and numbers only: the layout of the report, the mapping of the store's codes, the numbers of
the policy, the columns of the two output tables. How a cell is read and how a rule is applied is
written anew in each peer and in `naive.py`, so that equal outputs mean something.
"""

import argparse
import gzip
import hashlib
import tomllib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

STORE = "spotify"

# The header line of a raw-streams report.
HEADER = (
    "day log_time mobile track_id isrc upc artist_name track_name album_name customer_id "
    "postal_code access country_code gender birth_year filename region_code referral_code "
    "partner_name financial_product user_product_type offline_timestamp stream_length "
    "stream_cached stream_source stream_source_uri stream_device stream_os track_uri "
    "track_artists source"
).split()

# Tier by product code, else by access code. The store's file, where there is one, goes first.
TIER_BY_PRODUCT = {
    "premium": "premium",
    "family": "family",
    "student": "student",
    "duo": "duo",
    "trial": "trial",
    "ad_supported": "free",
    "bundle_telco": "bundle",
}
TIER_BY_ACCESS = {"premium": "premium", "free": "free", "trial": "trial"}
STORE_FILE = Path(__file__).resolve().parents[2] / "pipelines" / "stores" / f"{STORE}.toml"
if STORE_FILE.is_file():
    _tier = tomllib.loads(STORE_FILE.read_text()).get("tier", {})
    if "product" in _tier and "access" in _tier:
        TIER_BY_PRODUCT, TIER_BY_ACCESS = _tier["product"], _tier["access"]

# ISO 3166-1 alpha-2, and XK (Kosovo), which stores use although the standard leaves it to users.
TERRITORIES = frozenset(
    """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS
    BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE
    EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM
    HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC
    LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA
    NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW
    SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO
    TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW XK
    """.split()
)
TERRITORY_ALIASES = {"UK": "GB", "EL": "GR"}
UPC_LENGTHS = (8, 12, 13, 14)

# Policy: the numbers of the rules. Bounds are as the rule states them, with its own > or >=.
CLOCK_MS = 900_000  # the store's clock, by which `log_time` is rounded
EPOCH_MS_ABOVE = 10**11  # a larger stamp is in milliseconds, a smaller one in seconds
TOO_SHORT_BELOW_MS = 30_000
OFFLINE_DAYS = 30
VOLUME_ABOVE = 2_880
TIME_ABOVE_MS = 90_720_000
VARIETY_FROM_PLAYS = 150
VARIETY_LENGTHS = 10
VARIETY_LONGEST_MS = 80_000
REPEATER_FROM_PLAYS = 50
CLUSTER_FROM_PLAYS = 30
CLUSTER_FROM_MS = 30_000
CLUSTER_TO_MS = 35_999
CLUSTER_BASIS_POINTS = 6_000

# Columns of the two tables, in order. `store`, `month` and the `date` of plays are in the path.
PLAYS = (
    "report row listened_at reported_date isrc upc store_track listener territory tier tier_code "
    "use_type offline played_ms track_ms source device plays verdict reason measured threshold"
).split()
TRENDS_GRAIN = (
    "date listened_month isrc store_track upc territory tier offline verdict reason"
).split()
TRENDS = [*TRENDS_GRAIN, "plays", "played_ms", "listeners"]


def reports(
    inbox: Path, store: str = STORE, header: Sequence[str] = HEADER
) -> list[tuple[Path, str]]:
    """The reports of the inbox that have this header, with their ids, in the order of the ids.

    A report is known by its header line, not by its name, so other reports may lie next to it. The
    id is taken from the path: cheaper than the hash of the content that the product uses, and as
    good for the work that is measured. It decides only which of two reports keeps a row of both.
    """
    found = []
    for path in (inbox / store).rglob("*.tsv.gz"):
        with gzip.open(path, "rt", encoding="utf-8") as text:
            if text.readline().rstrip("\n").split("\t") == list(header):
                name = path.relative_to(inbox).as_posix()
                found.append((path, hashlib.md5(name.encode()).hexdigest()[:16]))
    if not found:
        raise SystemExit(f"no report of this layout (*.tsv.gz) under {inbox / store}")
    return sorted(found, key=lambda report: report[1])


def read_arguments(description: str) -> argparse.Namespace:
    """The arguments that every peer takes: where the reports are, where the tables go, threads."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--inbox", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def reports_by_day(
    inbox: Path,
    store: str = STORE,
    header: Sequence[str] = HEADER,
    day_column: str = "day",
) -> list[list[tuple[Path, str]]]:
    """The same, those of a counted date together, by the first row of each.

    No rule looks across counted dates, so each date can be worked on alone. The store sends a
    report for one date; the peers check that it holds no other.
    """
    days = defaultdict(list)
    for path, report in reports(inbox, store, header):
        with gzip.open(path, "rt", encoding="utf-8") as text:
            next(text)
            for line in text:
                day = line.split("\t")[header.index(day_column)].replace("-", "")
                days[day].append((path, report))
                break
    return [days[day] for day in sorted(days)]
