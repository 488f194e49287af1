//! What special listeners do on a day: one function a kind, named like it.
//!
//! Each kind makes exactly the plays of its session. Bots play on line only, and no track shorter
//! than the time that they play. The bounds they have to cross are those of the filter's default policy.

use super::chance::{RandomPurpose, RandomSource, key};
use super::day::{DAY_S, GeneratedDay, LOG_STEP_S, ListeningPace};
use super::patterns::{PatternKind, PatternSession, SpecialListener};

/// Shortest track that a bot plays for 30 to 36 s, in milliseconds.
const ROOM_FOR_SHORT_PLAY_MS: u32 = 45_000;
/// Shortest track that a bot plays for 51 to 73 s, in milliseconds.
const ROOM_FOR_MEDIUM_PLAY_MS: u32 = 75_000;
/// Shortest track of a bot that collects time, in milliseconds: 540 plays of 95 % of it are 26.3 h,
/// and the bound is 25.2 h.
const LONG_TRACK_MS: u32 = 185_000;

/// Adds the plays of one session.
pub(super) fn perform(day: &mut GeneratedDay<'_>, session: &PatternSession) {
    let world = day.world;
    let special = world.special(session.special);
    let player = PatternPlayer {
        listener: world.special_listener(session.special),
        n_plays: session.n_plays,
        special,
    };
    day.chance = RandomSource::new(key(special.seed, RandomPurpose::Session, &[day.seed]));
    match special.kind {
        PatternKind::Looper => player.loop_one_track(day),
        PatternKind::Background => player.fill_a_shop(day),
        PatternKind::BotFarm => player.farm(day),
        PatternKind::VolumeBot => player.play_more_than_possible(day),
        PatternKind::TimeBot => player.collect_time(day),
        PatternKind::LowVarietyBot => player.play_few_lengths(day),
        PatternKind::RepeaterBot => player.repeat_one_recording(day),
        PatternKind::ShortClusterBot => player.cluster_short_plays(day),
    }
}

/// A special listener on one day.
#[derive(Debug)]
struct PatternPlayer<'a> {
    listener: u32,
    n_plays: u32,
    special: &'a SpecialListener,
}

impl PatternPlayer<'_> {
    /// Loops one track, nearly always to the end, with no more plays in a quarter than fit.
    fn loop_one_track(&self, day: &mut GeneratedDay<'_>) {
        let track = self.special.track;
        let full_ms = day.world.catalogue().length_ms(track) / 1_000 * 1_000;
        let n_fit = LOG_STEP_S * 1_000 / full_ms.max(1);
        let needed_s = (self.n_plays.div_ceil(n_fit.max(1)) + 1) * LOG_STEP_S;
        let mut pace = ListeningPace::new(day.chance.below(DAY_S.saturating_sub(needed_s)));
        for _ in 0..self.n_plays {
            // The pace is that of whole plays, so that a shorter one never adds to a quarter.
            let second = pace.start(full_ms);
            let is_complete = day.chance.hit(9_300);
            let played_ms =
                if is_complete { full_ms } else { day.chance.between(30, full_ms / 1_000) * 1_000 };
            day.add_online(self.listener, track, second, played_ms);
        }
    }

    /// Plays one playlist for 20 to 23 hours, with ordinary skips that are not too short to count.
    /// Played times are many more than tracks: nothing but the volume is like a bot's.
    fn fill_a_shop(&self, day: &mut GeneratedDay<'_>) {
        let span_s = day.chance.between(20 * 3_600 + 1_800, 23 * 3_600);
        let from_s = day.chance.below(DAY_S - span_s);
        for play in 0..self.n_plays {
            let nth = day.chance.below(self.special.n_tracks);
            let track = self.nth_track(day, nth, 60_000);
            let last_second = day.world.catalogue().length_ms(track) / 1_000;
            let is_complete = day.chance.hit(5_000);
            let second =
                if is_complete { last_second } else { day.chance.between(30, last_second) };
            // The first and the last play are at the ends of the span.
            let start_s = from_s + span_s / (self.n_plays - 1).max(1) * play;
            day.add_online(self.listener, track, start_s, second * 1_000);
        }
    }

    /// Short plays over many tracks, all day.
    fn farm(&self, day: &mut GeneratedDay<'_>) {
        let first = day.chance.below(self.special.n_tracks);
        for play in 0..self.n_plays {
            let track = self.nth_track(day, first + play, ROOM_FOR_SHORT_PLAY_MS);
            let second = day.chance.between(30, 35);
            let played_ms = day.with_decimals(second, 35_999);
            let start_s = self.spread(day, play);
            day.add_online(self.listener, track, start_s, played_ms);
        }
    }

    /// More plays than 30 s have room for in a day: several players at once.
    fn play_more_than_possible(&self, day: &mut GeneratedDay<'_>) {
        for play in 0..self.n_plays {
            let track = self.nth_track(day, play, ROOM_FOR_SHORT_PLAY_MS);
            let second = day.chance.between(30, 40);
            let played_ms = day.with_decimals(second, 41_000);
            let start_s = self.spread(day, play);
            day.add_online(self.listener, track, start_s, played_ms);
        }
    }

    /// Long tracks nearly to the end, on several players at once.
    fn collect_time(&self, day: &mut GeneratedDay<'_>) {
        for play in 0..self.n_plays {
            let track = self.nth_track(day, play, LONG_TRACK_MS);
            let length_ms = day.world.catalogue().length_ms(track);
            let lowest_s = (length_ms / 20 * 19).div_ceil(1_000);
            let second = day.chance.between(lowest_s, length_ms / 1_000);
            let start_s = self.spread(day, play);
            day.add_online(self.listener, track, start_s, second * 1_000);
        }
    }

    /// A hundred tracks, each for one of a few lengths, in four to six hours.
    fn play_few_lengths(&self, day: &mut GeneratedDay<'_>) {
        let n_lengths = day.chance.between(3, 8);
        let lowest_s = day.chance.between(51, 73 - 2 * n_lengths);
        let span_s = day.chance.between(4 * 3_600, 6 * 3_600);
        let from_s = day.chance.below(DAY_S - span_s);
        for play in 0..self.n_plays {
            let track = self.nth_track(day, play, ROOM_FOR_MEDIUM_PLAY_MS);
            let second = lowest_s + 2 * day.chance.below(n_lengths);
            let start_s = from_s + span_s / self.n_plays * play;
            day.add_online(self.listener, track, start_s, second * 1_000);
        }
    }

    /// One recording, cut off anywhere; under two track ids where the recording has two.
    fn repeat_one_recording(&self, day: &mut GeneratedDay<'_>) {
        let last_second = day.world.catalogue().length_ms(self.special.track) / 1_000;
        for play in 0..self.n_plays {
            let twin = self.special.twin.filter(|_| play % 3 == 2);
            // Every tenth play is long: this is not one of the bots with short plays only.
            let lowest_s = if play % 10 == 0 { 85 } else { 30 };
            let second = day.chance.between(lowest_s, last_second.min(180));
            let start_s = self.spread(day, play);
            let track = twin.unwrap_or(self.special.track);
            day.add_online(self.listener, track, start_s, second * 1_000);
        }
    }

    /// Six plays in seven last 30 to 36 s.
    fn cluster_short_plays(&self, day: &mut GeneratedDay<'_>) {
        let span_s = day.chance.between(2 * 3_600, 10 * 3_600);
        let from_s = day.chance.below(DAY_S - span_s);
        for play in 0..self.n_plays {
            let track = self.nth_track(day, play, ROOM_FOR_SHORT_PLAY_MS);
            let last_second = day.world.catalogue().length_ms(track) / 1_000;
            let played_ms = if play % 7 == 6 {
                day.chance.between(36, last_second) * 1_000
            } else {
                let second = day.chance.between(30, 35);
                day.with_decimals(second, 35_999)
            };
            let start_s = from_s + span_s / self.n_plays * play;
            day.add_online(self.listener, track, start_s, played_ms);
        }
    }

    /// A track of the player's list, replaced by the next one that is long enough.
    fn nth_track(&self, day: &GeneratedDay<'_>, nth: u32, low_ms: u32) -> u32 {
        let catalogue = day.world.catalogue();
        let n_tracks = self.special.n_tracks.min(catalogue.n_tracks()).max(1);
        let track = (u64::from(self.special.track) + u64::from(nth % n_tracks))
            % u64::from(catalogue.n_tracks());
        catalogue.next_of_length(u32::try_from(track).unwrap_or(0), low_ms, u32::MAX)
    }

    /// The start of a play when all plays are spread over the whole day.
    fn spread(&self, day: &mut GeneratedDay<'_>, play: u32) -> u32 {
        let step_s = (DAY_S / self.n_plays.max(1)).max(1);
        let start = u64::from(DAY_S) * u64::from(play) / u64::from(self.n_plays.max(1));
        u32::try_from(start).unwrap_or(0) + day.chance.below(step_s)
    }
}
