//! The listeners: who they are, and how much they play on a day.
//!
//! A listener is a number; everything about him follows from it and the seed, so that ten million
//! of them take no memory and any day can be written without the days before it. Shares of missing
//! cells are those measured in 3.8 million real rows (a public notebook on a label's raw streams):
//! postal code 36 %, region 7 %, gender 1 %, birth year 0.3 %.

use super::chance::{AliasTable, RandomPurpose, RandomSource, key};

/// Share of listeners without a postal code, out of 10,000.
const NO_POSTAL_CODE_SHARE: u32 = 3_600;
/// Share of listeners without a region, out of 10,000.
const NO_REGION_SHARE: u32 = 700;
/// Share of listeners without a gender, out of 10,000.
const NO_GENDER_SHARE: u32 = 110;
/// Share of listeners whose gender is `neutral`, out of 10,000.
const NEUTRAL_SHARE: u32 = 200;
/// Share of listeners without a birth year, out of 10,000.
const NO_BIRTH_YEAR_SHARE: u32 = 30;
/// Share of listeners with an impossible birth year, out of 10,000: the real rows start at 1867.
const ODD_BIRTH_YEAR_SHARE: u32 = 10;

/// A market.
#[derive(Debug)]
pub(super) struct AudienceCountry {
    /// ISO 3166-1 alpha-2.
    pub(super) code: &'static str,
    /// Listeners, relative to the other markets.
    weight: u64,
    /// Local time less UTC, in minutes.
    pub(super) offset_min: i32,
    /// Shape of the postal code: `9` is any digit, `A` any letter.
    pub(super) postal_shape: &'static str,
}

/// What a listener pays.
#[derive(Debug)]
pub(super) struct PlanShare {
    /// The store's product code; empty where the report does not say.
    pub(super) product: &'static str,
    /// `premium`, `free` or `trial`.
    pub(super) access: &'static str,
    /// The store's second word for the same.
    pub(super) user_type: &'static str,
    /// Who sells the plan, if not the store.
    pub(super) partner: &'static str,
    weight: u64,
}

/// What a listener listens on.
#[derive(Debug)]
pub(super) struct AudienceDevice {
    /// Kind of the device.
    pub(super) kind: &'static str,
    /// Its operating system.
    pub(super) system: &'static str,
    /// Cell `mobile`.
    pub(super) mobile: &'static str,
    weight: u64,
}

/// How often a listener comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ListeningHabit {
    /// Now and then, for one play.
    Casual,
    /// On most days, for one play or two.
    Regular,
    /// On nearly every day, for many: the 99th percentile of all listeners.
    Avid,
}

/// Everything about one listener; the same on all days.
#[derive(Debug, Clone, Copy)]
pub(super) struct ListenerProfile {
    /// The store's id of the customer, 128 bits.
    pub(super) id: [u64; 2],
    /// Where he lives.
    pub(super) country: &'static AudienceCountry,
    /// What he pays.
    pub(super) plan: &'static PlanShare,
    /// What he listens on.
    pub(super) device: &'static AudienceDevice,
    /// `female`, `male`, `neutral` or empty.
    pub(super) gender: &'static str,
    /// Year of birth, if the report says so.
    pub(super) birth_year: Option<u32>,
    /// What fills the shape of the postal code, if the report gives one.
    pub(super) postal: Option<u64>,
    /// Number of the region inside the country, if the report gives one.
    pub(super) region: Option<u32>,
    habit: ListeningHabit,
}

/// All listeners.
#[derive(Debug)]
pub(super) struct MadeUpAudience {
    seed: u64,
    year: u32,
    countries: AliasTable,
    plans: AliasTable,
    devices: AliasTable,
    ages: AliasTable,
    hours: AliasTable,
    avid_plays: AliasTable,
}

impl MadeUpAudience {
    /// The audience of a world whose first day is in `year`.
    pub(super) fn new(seed: u64, year: u32) -> Self {
        Self {
            seed,
            year,
            countries: AliasTable::new(COUNTRIES.iter().map(|country| country.weight)),
            plans: AliasTable::new(PLANS.iter().map(|plan| plan.weight)),
            devices: AliasTable::new(DEVICES.iter().map(|device| device.weight)),
            ages: AliasTable::new(AGES.iter().map(|(_, _, weight)| *weight)),
            hours: AliasTable::new(HOURS),
            avid_plays: AliasTable::new(AVID_PLAYS.iter().map(|(_, _, weight)| *weight)),
        }
    }

    /// Who listener number `listener` is.
    pub(super) fn profile(&self, listener: u32) -> ListenerProfile {
        let seed = key(self.seed, RandomPurpose::Listener, &[u64::from(listener)]);
        let mut chance = RandomSource::new(seed);
        let habit = match chance.below(100) {
            0..=79 => ListeningHabit::Casual,
            80..=96 => ListeningHabit::Regular,
            _ => ListeningHabit::Avid,
        };
        let gender = match chance.below(10_000) {
            draw if draw < NO_GENDER_SHARE => "",
            draw if draw < NO_GENDER_SHARE + NEUTRAL_SHARE => "neutral",
            draw if draw % 2 == 0 => "female",
            _ => "male",
        };
        ListenerProfile {
            id: [chance.next(), chance.next()],
            country: &COUNTRIES[self.countries.draw(&mut chance)],
            plan: &PLANS[self.plans.draw(&mut chance)],
            device: &DEVICES[self.devices.draw(&mut chance)],
            gender,
            birth_year: self.birth_year(&mut chance),
            postal: (!chance.hit(NO_POSTAL_CODE_SHARE)).then(|| chance.next()),
            region: (!chance.hit(NO_REGION_SHARE)).then(|| chance.between(1, 18)),
            habit,
        }
    }

    /// How many plays the listener makes on a day that `chance` stands for.
    pub(super) fn plays(&self, profile: &ListenerProfile, chance: &mut RandomSource) -> u32 {
        match (profile.habit, chance.below(100)) {
            (ListeningHabit::Casual, 0..=35) | (ListeningHabit::Regular, 0..=59) => 1,
            (ListeningHabit::Casual, 36..=38) | (ListeningHabit::Regular, 60..=75) => 2,
            (ListeningHabit::Regular, 76..=80) => 3,
            (ListeningHabit::Casual, 39) | (ListeningHabit::Regular, 81..=84) => {
                chance.between(3, 6)
            }
            (ListeningHabit::Avid, 0..=96) => {
                let (low, high, _) = AVID_PLAYS[self.avid_plays.draw(chance)];
                chance.between(low, high)
            }
            _ => 0,
        }
    }

    /// A second of the UTC day, by the curve of the hours where the listener lives.
    pub(super) fn second_of_day(
        &self,
        country: &AudienceCountry,
        chance: &mut RandomSource,
    ) -> u32 {
        let hour = u32::try_from(self.hours.draw(chance)).unwrap_or(0);
        let local = i64::from(hour * 3_600 + chance.below(3_600));
        let utc = (local - 60 * i64::from(country.offset_min)).rem_euclid(86_400);
        u32::try_from(utc).unwrap_or(0)
    }

    fn birth_year(&self, chance: &mut RandomSource) -> Option<u32> {
        if chance.hit(NO_BIRTH_YEAR_SHARE) {
            return None;
        }
        if chance.hit(ODD_BIRTH_YEAR_SHARE) {
            return Some(chance.between(1867, 1920));
        }
        let (low, high, _) = AGES[self.ages.draw(chance)];
        Some(self.year.saturating_sub(chance.between(low, high)))
    }
}

/// The market with this code, or the first one.
pub(super) fn country(code: &str) -> &'static AudienceCountry {
    COUNTRIES.iter().find(|country| country.code == code).unwrap_or(&COUNTRIES[0])
}

/// The plan with this product code, or the first one.
pub(super) fn plan(product: &str) -> &'static PlanShare {
    PLANS.iter().find(|plan| plan.product == product).unwrap_or(&PLANS[0])
}

/// The device of this kind, or the first one.
pub(super) fn device(kind: &str) -> &'static AudienceDevice {
    DEVICES.iter().find(|device| device.kind == kind).unwrap_or(&DEVICES[0])
}

/// Plays of an avid listener on a day: from, to, weight. With the other habits the mean is about
/// 1.6, three quarters make at most 2, and the 99th percentile is about 16 (a distributor's own data of 2017).
const AVID_PLAYS: &[(u32, u32, u64)] =
    &[(1, 4, 58), (5, 15, 24), (16, 20, 9), (21, 30, 6), (31, 44, 3)];

/// Age groups: from, to, weight. The mean of the real rows is 27.
const AGES: &[(u32, u32, u64)] =
    &[(13, 17, 11), (18, 24, 38), (25, 34, 30), (35, 49, 15), (50, 69, 5), (70, 88, 1)];

/// Plays by local hour, relative; the mean of the real rows is shortly before 14 h.
const HOURS: [u64; 24] =
    [22, 13, 8, 6, 5, 8, 18, 36, 50, 52, 52, 54, 56, 55, 56, 60, 66, 70, 68, 64, 58, 52, 44, 32];

const fn plan_of(
    product: &'static str,
    [access, user_type, partner]: [&'static str; 3],
    weight: u64,
) -> PlanShare {
    PlanShare { product, access, user_type, partner, weight }
}

/// The plans; `VFSA`, `TSA` and `FIDO-SA` are real bundle codes that no public list explains.
const PLANS: &[PlanShare] = &[
    plan_of("premium", ["premium", "paid", ""], 2_950),
    plan_of("family", ["premium", "paid", ""], 1_800),
    plan_of("student", ["premium", "paid", ""], 800),
    plan_of("duo", ["premium", "paid", ""], 600),
    plan_of("trial", ["trial", "trial", ""], 350),
    plan_of("ad_supported", ["free", "ad", ""], 2_850),
    plan_of("bundle_telco", ["premium", "partner", "vodafone"], 160),
    plan_of("bundle_telco", ["premium", "partner", "telefonica"], 140),
    plan_of("bundle_telco", ["premium", "partner", "o2"], 60),
    plan_of("VFSA", ["premium", "partner", "vodafone"], 25),
    plan_of("TSA", ["premium", "partner", "telia"], 20),
    plan_of("FIDO-SA", ["premium", "partner", "fido"], 15),
    plan_of("", ["premium", "paid", ""], 140),
    plan_of("", ["free", "ad", ""], 90),
];

const fn device_of(
    kind: &'static str,
    [system, mobile]: [&'static str; 2],
    weight: u64,
) -> AudienceDevice {
    AudienceDevice { kind, system, mobile, weight }
}

const DEVICES: &[AudienceDevice] = &[
    device_of("mobile", ["iOS", "true"], 330),
    device_of("mobile", ["Android", "true"], 340),
    device_of("desktop", ["Windows", "false"], 110),
    device_of("desktop", ["macOS", "false"], 50),
    device_of("desktop", ["Linux", "false"], 6),
    device_of("tablet", ["iOS", "true"], 25),
    device_of("speaker", ["other", "false"], 60),
    device_of("tv", ["Android", "false"], 20),
    device_of("car", ["other", "false"], 14),
    device_of("web", ["Windows", "false"], 35),
    device_of("other", ["other", "false"], 10),
];

const fn market(
    code: &'static str,
    weight: u64,
    offset_min: i32,
    postal_shape: &'static str,
) -> AudienceCountry {
    AudienceCountry { code, weight, offset_min, postal_shape }
}

/// The markets, largest first. Time zones are those of the capital or the largest city, in summer.
const COUNTRIES: &[AudienceCountry] = &[
    market("US", 2_600, -300, "99999"),
    market("GB", 950, 60, "AA9"),
    market("DE", 900, 120, "99999"),
    market("BR", 760, -180, "99999-999"),
    market("MX", 700, -360, "99999"),
    market("FR", 480, 120, "99999"),
    market("ES", 430, 120, "99999"),
    market("IT", 400, 120, "99999"),
    market("CA", 340, -240, "A9A"),
    market("AU", 320, 600, "9999"),
    market("NL", 310, 120, "9999"),
    market("SE", 300, 120, "99999"),
    market("PH", 260, 480, "9999"),
    market("IN", 250, 330, "999999"),
    market("ID", 240, 420, "99999"),
    market("AR", 230, -180, "A9999"),
    market("CL", 210, -240, "9999999"),
    market("PL", 200, 120, "99-999"),
    market("CO", 190, -300, "999999"),
    market("TR", 180, 180, "99999"),
    market("NO", 165, 120, "9999"),
    market("DK", 150, 120, "9999"),
    market("CH", 150, 120, "9999"),
    market("BE", 135, 120, "9999"),
    market("FI", 125, 180, "99999"),
    market("PE", 120, -300, "99999"),
    market("AT", 115, 120, "9999"),
    market("JP", 110, 540, "999-9999"),
    market("TW", 90, 480, "999"),
    market("IE", 85, 60, "A99"),
    market("PT", 85, 60, "9999-999"),
    market("NZ", 75, 720, "9999"),
    market("TH", 70, 420, "99999"),
    market("MY", 65, 480, "99999"),
    market("SG", 60, 480, "999999"),
    market("CZ", 60, 120, "999 99"),
    market("ZA", 55, 120, "9999"),
    market("HU", 50, 120, "9999"),
    market("GR", 45, 180, "999 99"),
    market("RO", 45, 180, "999999"),
    market("IL", 42, 180, "9999999"),
    market("VN", 40, 420, "999999"),
    market("EC", 38, -300, "999999"),
    market("CR", 34, -360, "99999"),
    market("HK", 32, 480, ""),
    market("AE", 30, 240, ""),
    market("SA", 30, 180, "99999"),
    market("UA", 28, 180, "99999"),
    market("UY", 26, -180, "99999"),
    market("GT", 24, -360, "99999"),
    market("KR", 24, 540, "99999"),
    market("EG", 22, 180, "99999"),
    market("BO", 18, -240, ""),
    market("SK", 18, 120, "999 99"),
    market("HR", 17, 120, "99999"),
    market("BG", 16, 180, "9999"),
    market("MA", 15, 60, "99999"),
    market("LT", 13, 180, "99999"),
    market("KE", 12, 180, "99999"),
    market("NG", 12, 60, "999999"),
    market("IS", 9, 0, "999"),
    market("LU", 8, 120, "9999"),
    market("MT", 5, 120, "AAA"),
];
