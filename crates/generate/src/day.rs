//! The plays of one day while they are being made, as numbers: who plays what, when, for how long. What
//! ordinary listeners do, and which rows are sent again.

use super::GeneratedWorld;
use super::audience::ListenerProfile;
use super::chance::{RandomPurpose, RandomSource, key};

/// Seconds in a day.
pub(super) const DAY_S: u32 = 86_400;
/// Seconds to which the store's log clock is rounded down: a quarter of an hour.
pub(super) const LOG_STEP_S: u32 = 900;
/// Most days between listening and counting (30 in the store's own words).
pub(super) const OFFLINE_DAYS_MAX: u32 = 40;

/// Share of plays that stop before 30 s, out of 10,000.
const SKIP_SHARE: u32 = 1_400;
/// Share of the other plays that reach the track's end, out of 10,000.
const COMPLETE_SHARE: u32 = 6_200;
/// Share of played times with decimals, out of 10,000.
const DECIMALS_SHARE: u32 = 450;
/// Share of offline listening among those who may, out of 10,000: 6 % of all plays.
const OFFLINE_SHARE: u32 = 900;
/// Share of offline plays without a time stamp, out of 10,000.
const UNSTAMPED_SHARE: u32 = 500;
/// Share of sittings of three plays and more that are one track over and over, out of 10,000.
const LOOP_SHARE: u32 = 300;
/// Longest track that is heard over and over, in milliseconds: three of them fit into a quarter.
const LOOP_MS_MAX: u32 = 200_000;
/// Repeated rows, out of 10,000.
const DUPLICATE_SHARE: u64 = 30;
/// Share of repeated rows that are repeated twice, out of 10,000.
const TWICE_SHARE: u32 = 1_000;
/// Share of repeats that are taken from offline plays, out of 10,000: a device sends them again.
/// Their stamps are exact, so that the repeat is certain; the others hide behind the log clock.
const OFFLINE_DUPLICATE_SHARE: u32 = 4_000;
/// Minutes by which rows may arrive late.
pub(super) const ARRIVAL_JITTER_MIN: u32 = 20;
/// Rounds over the audience before everybody has to play: only tiny audiences need more than two.
const ROUNDS_MAX: u64 = 64;

/// How a play came to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListenerNature {
    /// Played on line; the log time is the listening time.
    Online,
    /// Played off line, with the exact time of listening.
    Offline,
    /// Played off line, the time of listening is lost.
    Unstamped,
}

/// One row to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct GeneratedPlay {
    /// Number of the listener.
    pub(super) listener: u32,
    /// Number of the track.
    pub(super) track: u32,
    /// Played time, in milliseconds.
    pub(super) played_ms: u32,
    /// Listening time, in seconds from the start of the counted day; negative on days before it.
    pub(super) heard_s: i32,
    /// Minute in which the row arrives: the order of the report.
    pub(super) arrival_min: u16,
    /// Quarter of an hour of the log time.
    pub(super) quarter: u8,
    /// How it came to the store.
    pub(super) nature: ListenerNature,
}

/// The plays of one day while they are being made.
#[derive(Debug)]
pub(super) struct GeneratedDay<'a> {
    pub(super) world: &'a GeneratedWorld,
    pub(super) chance: RandomSource,
    pub(super) seed: u64,
    pub(super) plays: Vec<GeneratedPlay>,
}

impl GeneratedDay<'_> {
    /// Adds an online play that starts at `second`, taken modulo a day.
    pub(super) fn add_online(&mut self, listener: u32, track: u32, second: u32, played_ms: u32) {
        let second = second % DAY_S;
        self.add(
            second,
            GeneratedPlay {
                listener,
                track,
                played_ms,
                heard_s: i32::try_from(second).unwrap_or(0),
                arrival_min: 0,
                quarter: 0,
                nature: ListenerNature::Online,
            },
        );
    }

    /// Adds a play that the store logs at `logged_s`.
    fn add(&mut self, logged_s: u32, play: GeneratedPlay) {
        let arrival_min = logged_s / 60 + self.chance.below(ARRIVAL_JITTER_MIN);
        self.plays.push(GeneratedPlay {
            arrival_min: u16::try_from(arrival_min).unwrap_or(0),
            quarter: u8::try_from(logged_s / LOG_STEP_S).unwrap_or(0),
            ..play
        });
    }

    /// Repeats to make, with the fraction decided by chance.
    pub(super) fn count_repeats(&mut self, n_rows: usize) -> usize {
        let share = n_rows as u64 * DUPLICATE_SHARE;
        let rest = u32::try_from(share % 10_000).unwrap_or(0);
        usize::try_from(share / 10_000).unwrap_or(0) + usize::from(self.chance.hit(rest))
    }

    /// Walks over the audience until `n_plays` plays are made.
    pub(super) fn let_everybody_play(&mut self, n_plays: usize) {
        let pool = self.world.n_people();
        let start = self.chance.below(pool);
        for round in 0.. {
            for step in 0..pool {
                let left = n_plays - self.plays.len();
                if left == 0 {
                    return;
                }
                let listener = (u64::from(start) + u64::from(step)) % u64::from(pool);
                self.chance =
                    RandomSource::new(key(self.seed, RandomPurpose::Sitting, &[listener, round]));
                let listener = u32::try_from(listener).unwrap_or(0);
                let profile = self.world.audience().profile(listener);
                let wanted = self.world.audience().plays(&profile, &mut self.chance);
                let wanted = if round < ROUNDS_MAX { wanted } else { 1 };
                let n_today = wanted.min(u32::try_from(left).unwrap_or(u32::MAX));
                self.let_play(listener, &profile, n_today);
            }
        }
    }

    /// The plays of one ordinary listener, in sittings of up to ten.
    fn let_play(&mut self, listener: u32, profile: &ListenerProfile, n_plays: u32) {
        let may_store = profile.plan.access != "free";
        let mut left = n_plays;
        while left > 0 {
            let n_now = left.min(self.chance.between(3, 10));
            left -= n_now;
            let second = self.world.audience().second_of_day(profile.country, &mut self.chance);
            if may_store && self.chance.hit(OFFLINE_SHARE) {
                self.sit_offline(listener, second, n_now);
            } else if n_now >= 3 && self.chance.hit(LOOP_SHARE) {
                self.sit_looping(listener, second, n_now);
            } else {
                self.sit_online(listener, second, n_now);
            }
        }
    }

    fn sit_online(&mut self, listener: u32, second: u32, n_plays: u32) {
        let mut second = second;
        for _ in 0..n_plays {
            let track = self.choose_track(listener);
            let played_ms = self.played_ms(track);
            self.add_online(listener, track, second, played_ms);
            second += played_ms / 1_000 + self.chance.between(1, 25);
        }
    }

    /// An honest repeat: a short track several times in a row, always to the end.
    fn sit_looping(&mut self, listener: u32, second: u32, n_plays: u32) {
        let track = self.choose_track(listener);
        let track = self.world.catalogue().next_of_length(track, 0, LOOP_MS_MAX);
        let played_ms = self.world.catalogue().length_ms(track) / 1_000 * 1_000;
        let mut pace = ListeningPace::new(second);
        for _ in 0..n_plays {
            let second = pace.start(played_ms);
            self.add_online(listener, track, second, played_ms);
        }
    }

    /// Plays that were made before the device came on line at `logged_s`; the last one first.
    fn sit_offline(&mut self, listener: u32, logged_s: u32, n_plays: u32) {
        let seconds = |days: u32| i32::try_from(days * DAY_S).unwrap_or(0);
        let age_days = self.offline_age_days();
        let pause_s = i32::try_from(self.chance.between(60, 20_000)).unwrap_or(0);
        let earliest = -seconds(OFFLINE_DAYS_MAX);
        let mut heard_s = i32::try_from(logged_s).unwrap_or(0) - seconds(age_days) - pause_s;
        for _ in 0..n_plays {
            let track = self.choose_track(listener);
            let played_ms = self.played_ms(track);
            heard_s -= i32::try_from(played_ms / 1_000 + self.chance.between(1, 25)).unwrap_or(0);
            let lost = self.chance.hit(UNSTAMPED_SHARE);
            let nature = if lost { ListenerNature::Unstamped } else { ListenerNature::Offline };
            let heard_s = heard_s.max(earliest);
            self.add(
                logged_s,
                GeneratedPlay {
                    listener,
                    track,
                    played_ms,
                    heard_s,
                    arrival_min: 0,
                    quarter: 0,
                    nature,
                },
            );
        }
    }

    /// Days between listening and counting.
    fn offline_age_days(&mut self) -> u32 {
        match self.chance.below(1_000) {
            0..=559 => 0,
            560..=749 => 1,
            750..=839 => 2,
            840..=889 => 3,
            890..=949 => self.chance.between(4, 10),
            950..=984 => self.chance.between(11, 30),
            _ => self.chance.between(31, OFFLINE_DAYS_MAX - 1),
        }
    }

    /// A track: one of the listener's own favourites, or one that is popular.
    fn choose_track(&mut self, listener: u32) -> u32 {
        let catalogue = self.world.catalogue();
        if self.chance.hit(3_000) {
            let favourite = u64::from(self.chance.below(6));
            let seed =
                key(self.world.seed(), RandomPurpose::Favourite, &[u64::from(listener), favourite]);
            return catalogue.draw(&mut RandomSource::new(seed));
        }
        catalogue.draw(&mut self.chance)
    }

    /// How long an ordinary listener hears the track, in milliseconds.
    fn played_ms(&mut self, track: u32) -> u32 {
        let length_ms = self.world.catalogue().length_ms(track);
        if self.chance.hit(SKIP_SHARE) {
            // The smaller of two draws: most skips come early.
            let second = self.chance.between(1, 29).min(self.chance.between(1, 29));
            return self.with_decimals(second, 29_999);
        }
        let last_second = length_ms / 1_000;
        let is_complete = self.chance.hit(COMPLETE_SHARE);
        let second = if is_complete { last_second } else { self.chance.between(30, last_second) };
        self.with_decimals(second, length_ms)
    }

    /// Whole seconds, or now and then with one to three decimals, up to the bound.
    pub(super) fn with_decimals(&mut self, second: u32, bound_ms: u32) -> u32 {
        let whole_ms = second * 1_000;
        if !self.chance.hit(DECIMALS_SHARE) {
            return whole_ms.min(bound_ms);
        }
        let fraction_ms = match self.chance.below(3) {
            0 => self.chance.between(1, 9) * 100,
            1 => self.chance.between(1, 99) * 10,
            _ => self.chance.between(1, 999),
        };
        (whole_ms + fraction_ms).min(bound_ms)
    }

    /// Repeats rows of ordinary listeners, the first `n_organic` plays; some of them twice.
    pub(super) fn repeat_rows(&mut self, n_repeats: usize, n_organic: usize) {
        self.chance = RandomSource::new(key(self.seed, RandomPurpose::Repeats, &[]));
        let mut left = n_repeats;
        while left > 0 {
            let mut source = self.chance.index(n_organic);
            if self.chance.hit(OFFLINE_DUPLICATE_SHARE) {
                let is_stamped =
                    |index: &usize| self.plays[*index].nature == ListenerNature::Offline;
                source = (source..n_organic).chain(0..source).find(is_stamped).unwrap_or(source);
            }
            let n_copies = if self.chance.hit(TWICE_SHARE) { 2 } else { 1 };
            for _ in 0..left.min(n_copies) {
                let original = self.plays[source];
                let logged_s = u32::from(original.quarter) * LOG_STEP_S;
                self.add(logged_s, original);
                left -= 1;
            }
        }
    }
}

/// Starts plays one after the other, never more in a quarter of an hour than fit into it whole.
///
/// Back to back, one more can *start* in a quarter than fits: 5 of 200 s, from a start at second 0.
/// The rule for duplicates takes such a fifth play for a repeated row. Honest loops are
/// to be honest beyond doubt, so the listener here pauses until the next quarter.
#[derive(Debug)]
pub(super) struct ListeningPace {
    second: u32,
    quarter: u32,
    n_started: u32,
}

impl ListeningPace {
    /// A pace whose first play starts at `second`.
    pub(super) const fn new(second: u32) -> Self {
        Self { second, quarter: second / LOG_STEP_S, n_started: 0 }
    }

    /// When a play of this length starts, in seconds; it may be beyond the end of the day.
    pub(super) fn start(&mut self, played_ms: u32) -> u32 {
        let n_fit = (LOG_STEP_S * 1_000 / played_ms.max(1)).max(1);
        if self.second / LOG_STEP_S == self.quarter && self.n_started >= n_fit {
            self.second = (self.quarter + 1) * LOG_STEP_S;
        }
        if self.second / LOG_STEP_S != self.quarter {
            self.quarter = self.second / LOG_STEP_S;
            self.n_started = 0;
        }
        let start = self.second;
        self.n_started += 1;
        self.second += played_ms.div_ceil(1_000) + 1;
        start
    }
}
