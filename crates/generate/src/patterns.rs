//! The special listeners: the honest ones that look like bots, and the bots.
//!
//! Each kind does, on each of its days, what crosses the bound of one filter rule and what was seen
//! in a real case (court cases of 2024, two distributors' detectors). They are cast in two rounds: first one
//! listener of each kind, as far as a day's rows allow, then as many as a fixed share of all rows.
//! Shares per day are bounded rather than shares per period, as the rules judge days.

use super::audience::{self, ListenerProfile, MadeUpAudience};
use super::catalogue::Catalogue;
use super::chance::{RandomPurpose, RandomSource, key};

/// Most rows of a day that special listeners may have in the first round, in percent.
const FIRST_ROUND_PERCENT: u64 = 5;
/// The same in the second round.
const SECOND_ROUND_PERCENT: u64 = 4;
/// Rows of all special listeners that the second round aims at, out of 10,000.
const AIM_SHARE: u64 = 300;

/// What a special listener does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PatternKind {
    /// Honest: one track over and over, heard to the end.
    Looper,
    /// Honest: music in a shop, from morning to run.
    Background,
    /// 636 short plays a day over many tracks, one account of many (US v. Smith).
    BotFarm,
    /// More plays than a day has room for (Denmark).
    VolumeBot,
    /// More played time than a day has.
    TimeBot,
    /// Many plays with few different lengths (Record Union).
    LowVarietyBot,
    /// One recording, up to hundreds of times, not to the end.
    RepeaterBot,
    /// A few dozen plays, nearly all just over 30 s.
    ShortClusterBot,
}

/// The numbers of a kind.
#[derive(Debug)]
struct PatternTraits {
    kind: PatternKind,
    name: &'static str,
    /// Plays on one day, from and to.
    plays: (u32, u32),
    /// Days of the period on which it runs, out of 10,000; one at least.
    day_share: u32,
    /// Share of the rows of all special listeners, in percent.
    row_percent: u64,
    plan: &'static str,
    device: &'static str,
}

/// All kinds, those with the fewest plays first, so that a small world has as many as possible.
const KINDS: &[PatternTraits] = &[
    PatternTraits {
        kind: PatternKind::ShortClusterBot,
        name: "short_cluster_bot",
        plays: (40, 140),
        day_share: 4_000,
        row_percent: 8,
        plan: "ad_supported",
        device: "mobile",
    },
    PatternTraits {
        kind: PatternKind::Looper,
        name: "looper",
        plays: (55, 120),
        day_share: 800,
        row_percent: 10,
        plan: "premium",
        device: "mobile",
    },
    PatternTraits {
        kind: PatternKind::RepeaterBot,
        name: "repeater_bot",
        plays: (60, 300),
        day_share: 2_000,
        row_percent: 10,
        plan: "ad_supported",
        device: "web",
    },
    PatternTraits {
        kind: PatternKind::LowVarietyBot,
        name: "low_variety_bot",
        plays: (155, 400),
        day_share: 5_000,
        row_percent: 12,
        plan: "ad_supported",
        device: "desktop",
    },
    PatternTraits {
        kind: PatternKind::Background,
        name: "background",
        plays: (160, 180),
        day_share: 8_000,
        row_percent: 8,
        plan: "premium",
        device: "speaker",
    },
    PatternTraits {
        kind: PatternKind::TimeBot,
        name: "time_bot",
        plays: (540, 660),
        day_share: 3_000,
        row_percent: 10,
        plan: "premium",
        device: "other",
    },
    PatternTraits {
        kind: PatternKind::BotFarm,
        name: "bot_farm",
        plays: (600, 672),
        day_share: 3_500,
        row_percent: 27,
        plan: "family",
        device: "desktop",
    },
    PatternTraits {
        kind: PatternKind::VolumeBot,
        name: "volume_bot",
        plays: (2_950, 3_900),
        day_share: 1_000,
        row_percent: 15,
        plan: "premium",
        device: "other",
    },
];

/// One special listener.
#[derive(Debug)]
pub(super) struct SpecialListener {
    /// What he does.
    pub(super) kind: PatternKind,
    /// Who he is.
    pub(super) profile: ListenerProfile,
    /// The first track of those that he plays.
    pub(super) track: u32,
    /// A second track with the same ISRC, if he plays one.
    pub(super) twin: Option<u32>,
    /// How many tracks he plays at most.
    pub(super) n_tracks: u32,
    /// Seed of what he does.
    pub(super) seed: u64,
    name: &'static str,
    n_days: u32,
    n_plays: u64,
    first_day: u32,
}

impl SpecialListener {
    /// The name of the kind in the truth file.
    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    /// Number of days on which he plays, number of his plays on all of them, and the first of them.
    pub(super) const fn extent(&self) -> (u32, u64, u32) {
        (self.n_days, self.n_plays, self.first_day)
    }
}

/// What one special listener does on one day.
#[derive(Debug, Clone, Copy)]
pub(super) struct PatternSession {
    /// Index into [`PatternCast::specials`].
    pub(super) special: usize,
    /// Number of plays.
    pub(super) n_plays: u32,
}

/// All special listeners and their days.
#[derive(Debug)]
pub(super) struct PatternCast {
    /// The listeners, in the order of the truth file.
    pub(super) specials: Vec<SpecialListener>,
    /// Their sessions, for each day.
    pub(super) sessions: Vec<Vec<PatternSession>>,
    rows_left: Vec<u64>,
    first_listener: u32,
}

impl PatternCast {
    /// Casts the special listeners of a world whose days have `rows` rows. Their numbers as
    /// listeners start at `first_listener`.
    pub(super) fn new(
        seed: u64,
        rows: &[u64],
        first_listener: u32,
        (audience, catalogue): (&MadeUpAudience, &Catalogue),
    ) -> Self {
        let mut cast = Self {
            specials: Vec::new(),
            sessions: vec![Vec::new(); rows.len()],
            rows_left: rows
                .iter()
                .map(|rows| {
                    rows / 100 * FIRST_ROUND_PERCENT + rows % 100 * FIRST_ROUND_PERCENT / 100
                })
                .collect(),
            first_listener,
        };
        let mut used = [0; KINDS.len()];
        for (used, traits) in used.iter_mut().zip(KINDS) {
            let chance = &mut cast.next_chance(seed);
            let day = cast.emptiest_day();
            *used += cast.add(traits, &[day], chance, (audience, catalogue));
        }
        for (left, rows) in cast.rows_left.iter_mut().zip(rows) {
            *left = left.saturating_sub(rows / 100 * (FIRST_ROUND_PERCENT - SECOND_ROUND_PERCENT));
        }
        let n_rows: u64 = rows.iter().sum();
        for (mut used, traits) in used.into_iter().zip(KINDS) {
            let aim = n_rows / 100 * AIM_SHARE / 100 * traits.row_percent / 100;
            while used + u64::from(traits.plays.0) <= aim {
                let chance = &mut cast.next_chance(seed);
                let days = active_days(traits, rows.len(), chance);
                let added = cast.add(traits, &days, chance, (audience, catalogue));
                if added == 0 {
                    break;
                }
                used += added;
            }
        }
        cast
    }

    /// Adds one listener on those of the days that have room for him; returns his plays.
    fn add(
        &mut self,
        traits: &PatternTraits,
        days: &[usize],
        chance: &mut RandomSource,
        (audience, catalogue): (&MadeUpAudience, &Catalogue),
    ) -> u64 {
        let special = self.specials.len();
        let (low, high) = traits.plays;
        let mut extent: (u32, u64, u32) = (0, 0, 0);
        for day in days {
            let left = u32::try_from(self.rows_left[*day]).unwrap_or(u32::MAX);
            if left < low {
                continue;
            }
            let n_plays = chance.between(low, high.min(left));
            self.rows_left[*day] -= u64::from(n_plays);
            self.sessions[*day].push(PatternSession { special, n_plays });
            if extent.0 == 0 {
                extent.2 = u32::try_from(*day).unwrap_or(u32::MAX);
            }
            extent = (extent.0 + 1, extent.1 + u64::from(n_plays), extent.2);
        }
        if extent.0 > 0 {
            let listener = u32::try_from(special).unwrap_or(u32::MAX);
            let profile = audience.profile(self.first_listener.saturating_add(listener));
            self.specials.push(describe(traits, profile, extent, catalogue, chance));
        }
        extent.1
    }

    fn next_chance(&self, seed: u64) -> RandomSource {
        RandomSource::new(key(seed, RandomPurpose::Special, &[self.specials.len() as u64]))
    }

    fn emptiest_day(&self) -> usize {
        let most = self.rows_left.iter().enumerate().max_by_key(|(_, left)| **left);
        most.map_or(0, |(day, _)| day)
    }
}

/// The days on which a listener of the second round plays, at least one, in order.
fn active_days(traits: &PatternTraits, n_days: usize, chance: &mut RandomSource) -> Vec<usize> {
    let certain = chance.index(n_days);
    (0..n_days).filter(|day| *day == certain || chance.hit(traits.day_share)).collect()
}

/// Who the listener is and which tracks he plays.
fn describe(
    traits: &PatternTraits,
    profile: ListenerProfile,
    (n_days, n_plays, first_day): (u32, u64, u32),
    catalogue: &Catalogue,
    chance: &mut RandomSource,
) -> SpecialListener {
    let any_track = chance.below(catalogue.n_tracks());
    let mut twin = None;
    let (track, n_tracks) = match traits.kind {
        PatternKind::Looper => (catalogue.next_of_length(any_track, 60_000, 210_000), 1),
        PatternKind::RepeaterBot => {
            let long = |track: u32| catalogue.length_ms(track) >= 95_000;
            let pair = catalogue.twins().get(chance.index(catalogue.twins().len()));
            match pair.filter(|(track, _)| long(*track) && chance.hit(4_000)) {
                Some((track, other)) => {
                    twin = Some(*other);
                    (*track, 1)
                }
                None => (catalogue.next_of_length(any_track, 95_000, u32::MAX), 1),
            }
        }
        PatternKind::Background => (any_track, chance.between(19, 40)),
        PatternKind::ShortClusterBot => (any_track, chance.between(20, 60)),
        PatternKind::LowVarietyBot => (any_track, chance.between(80, 120)),
        PatternKind::TimeBot => (any_track, chance.between(60, 200)),
        PatternKind::VolumeBot => (any_track, 244),
        // The whole farm plays one list of tracks.
        PatternKind::BotFarm => (0, 480),
    };
    let mut profile = profile;
    match traits.kind {
        PatternKind::BotFarm => profile.country = audience::country("US"),
        PatternKind::VolumeBot => profile.country = audience::country("DK"),
        _ => {}
    }
    profile.plan = audience::plan(traits.plan);
    profile.device = audience::device(traits.device);
    SpecialListener {
        kind: traits.kind,
        profile,
        track,
        twin,
        n_tracks,
        seed: chance.next(),
        name: traits.name,
        n_days,
        n_plays,
        first_day,
    }
}
