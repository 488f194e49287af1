//! The rules of the filter, read plainly: every row against every other, in words, without ids, sums
//! kept on the way or an order that rows must be in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::*;
use crate::model::isrc::Isrc;
use crate::model::play::{
    OFFLINE_UNKNOWN, ONLINE, Play, PlayAttributes, PlayDictionaries, ReportPlays, Track,
};
use crate::normalize::store::AtBound;
use crate::testing::id_of;

/// Number of the report, number of the row.
pub(super) type Name = (u8, u32);

/// What was found of each row; `None` if it counts.
pub(super) type Found = BTreeMap<Name, Option<PlayMark>>;

/// A row of a report.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) name: Name,
    pub(super) listener: Option<u8>,
    pub(super) isrc: &'static str,
    pub(super) store_track: &'static str,
    pub(super) listened_at_ms: i64,
    pub(super) exact: bool,
    pub(super) played_ms: Option<u32>,
    pub(super) track_ms: Option<u32>,
    pub(super) plays: u32,
    pub(super) offline: Option<bool>,
}

impl Row {
    fn track(&self) -> (&str, &str) {
        if self.isrc.is_empty() { ("store track", self.store_track) } else { ("isrc", self.isrc) }
    }

    fn listening_date(&self) -> i64 {
        self.listened_at_ms.div_euclid(86_400_000)
    }

    fn is_same_play(&self, other: &Self) -> bool {
        self.listener == other.listener
            && self.track() == other.track()
            && (self.listened_at_ms, self.exact) == (other.listened_at_ms, other.exact)
            && self.played_ms == other.played_ms
    }

    fn is_of_same_day(&self, other: &Self) -> bool {
        self.listener == other.listener && self.listening_date() == other.listening_date()
    }
}

/// What is found of each row, rule after rule.
pub(super) fn judge(rows: &[Row], store: &StoreSettings, policy: &Policy) -> Found {
    let mut found = Found::new();
    for row in rows {
        let mark = duplicate(row, rows, store)
            .or_else(|| too_short(row, store))
            .or_else(|| offline_expired(row, policy));
        found.insert(row.name, mark);
    }
    let through: Vec<&Row> = rows.iter().filter(|row| found[&row.name].is_none()).collect();
    for row in through.iter().filter(|row| row.listener.is_some()) {
        let day: Vec<&Row> = through.iter().copied().filter(|r| r.is_of_same_day(row)).collect();
        let mark = impossible(&day, policy)
            .or_else(|| low_variety(&day, policy))
            .or_else(|| repeater(row, &day, policy))
            .or_else(|| short_cluster(&day, policy));
        found.insert(row.name, mark);
    }
    found
}

fn mark(reason: Reason, measured: i64, threshold: impl Into<i64>) -> PlayMark {
    let (measured, threshold) = (Some(measured), Some(threshold.into()));
    PlayMark { finding: Finding::of(reason), measured, threshold }
}

fn duplicate(row: &Row, rows: &[Row], store: &StoreSettings) -> Option<PlayMark> {
    row.listener?;
    let group: Vec<&Row> = rows.iter().filter(|other| other.is_same_play(row)).collect();
    let of_report = |report: u8| {
        let mut names: Vec<Name> = group.iter().map(|row| row.name).collect();
        names.retain(|name| name.0 == report);
        names.sort_unstable();
        names
    };
    let mut best = Vec::new();
    for report in 0..=u8::MAX {
        if best.len() < of_report(report).len() {
            best = of_report(report);
        }
    }
    let k = match row.played_ms {
        Some(played_ms) if !row.exact && 0 < played_ms => {
            u64::from((1_000 * store.clock.rounded_to_s).div_ceil(played_ms)).max(1)
        }
        _ => 1,
    };
    best.truncate(usize::try_from(k).unwrap());
    if best.contains(&row.name) {
        return None;
    }
    let kept = i64::try_from(best.len()).unwrap();
    Some(mark(Reason::Duplicate, i64::try_from(group.len()).unwrap(), kept))
}

fn too_short(row: &Row, store: &StoreSettings) -> Option<PlayMark> {
    let bound = store.minimum.played_ms;
    match row.played_ms {
        None if store.played_time.countable_only => None,
        None => Some(PlayMark {
            finding: Finding::of(Reason::DurationMissing),
            measured: None,
            threshold: None,
        }),
        Some(played_ms) if played_ms < bound => {
            Some(mark(Reason::TooShort, played_ms.into(), bound))
        }
        Some(played_ms) if played_ms == bound && store.minimum.at_bound == AtBound::TooShort => {
            Some(mark(Reason::TooShort, played_ms.into(), bound))
        }
        Some(_) => None,
    }
}

fn offline_expired(row: &Row, policy: &Policy) -> Option<PlayMark> {
    let days = i64::from(COUNTED.0) - row.listening_date();
    let days_max = policy.offline_expired.days_max;
    if row.offline == Some(true) && days > i64::from(days_max) {
        return Some(mark(Reason::OfflineExpired, days, days_max));
    }
    None
}

fn plays(rows: &[&Row]) -> i64 {
    rows.iter().map(|row| i64::from(row.plays)).sum()
}

/// Rules 4 and 5.
fn impossible(day: &[&Row], policy: &Policy) -> Option<PlayMark> {
    let plays_max = policy.impossible_volume.plays_max;
    if plays(day) > i64::from(plays_max) {
        return Some(mark(Reason::ImpossibleVolume, plays(day), plays_max));
    }
    let played_ms_max = i64::try_from(policy.impossible_time.played_ms_max).unwrap_or(i64::MAX);
    let mut played_ms = 0;
    for row in day {
        played_ms += i64::from(row.played_ms.unwrap_or(0)) * i64::from(row.plays);
    }
    if played_ms > played_ms_max {
        return Some(mark(Reason::ImpossibleTime, played_ms, played_ms_max));
    }
    None
}

/// Nothing can be said of a day without any known played time.
fn low_variety(day: &[&Row], policy: &Policy) -> Option<PlayMark> {
    let policy = &policy.low_variety;
    if plays(day) < i64::from(policy.plays_min) {
        return None;
    }
    let found = |finding| {
        let (measured, threshold) = (Some(plays(day)), Some(policy.plays_min.into()));
        Some(PlayMark { finding, measured, threshold })
    };
    let times: BTreeSet<u32> = day.iter().filter_map(|row| row.played_ms).collect();
    let longest_ms = *times.last()?;
    if times.len() <= policy.played_times_max as usize || longest_ms <= policy.longest_ms_max {
        return found(Finding::of(Reason::LowVariety));
    }
    let percent = u64::from(policy.complete_min_percent);
    let cut: Vec<&Row> = day
        .iter()
        .copied()
        .filter(|row| match (row.played_ms, row.track_ms) {
            (Some(played), Some(whole)) => u64::from(played) * 100 < u64::from(whole) * percent,
            _ => true,
        })
        .collect();
    let times: BTreeSet<u32> = cut.iter().filter_map(|row| row.played_ms).collect();
    let tracks: BTreeSet<(&str, &str)> = cut.iter().map(|row| row.track()).collect();
    if plays(&cut) >= i64::from(policy.plays_min) && times.len() == tracks.len() {
        return found(Finding::LENGTH_PER_TRACK);
    }
    None
}

fn repeater(row: &Row, day: &[&Row], policy: &Policy) -> Option<PlayMark> {
    let policy = &policy.repeater;
    let mut repeats: Vec<&Row> = day.iter().copied().filter(|r| r.track() == row.track()).collect();
    let measured = plays(&repeats);
    if measured < i64::from(policy.plays_min) {
        return None;
    }
    if policy.action == RepeaterAction::Cap {
        repeats.retain(|r| (r.listened_at_ms, r.name) <= (row.listened_at_ms, row.name));
        if plays(&repeats) <= i64::from(policy.plays_min) {
            return None;
        }
    }
    Some(mark(Reason::Repeater, measured, policy.plays_min))
}

/// Rows without a known played time are neither short nor not.
fn short_cluster(day: &[&Row], policy: &Policy) -> Option<PlayMark> {
    let policy = &policy.short_cluster;
    let (mut short, mut all) = (0_i64, 0_i64);
    for row in day {
        let Some(played_ms) = row.played_ms else {
            continue;
        };
        let percent = u64::from(policy.complete_min_percent);
        if row.track_ms.is_some_and(|ms| u64::from(played_ms) * 100 >= u64::from(ms) * percent) {
            continue;
        }
        all += i64::from(row.plays);
        if played_ms >= policy.played_ms_from && played_ms <= policy.played_ms_to {
            short += i64::from(row.plays);
        }
    }
    let share_min = policy.share_min_basis_points;
    if all >= i64::from(policy.plays_min) && short * 10_000 >= all * i64::from(share_min) {
        return Some(mark(Reason::ShortCluster, short * 10_000 / all, share_min));
    }
    None
}

/// The rows as pieces of at most `n_rows` rows, in order of report and row. Each piece has words of
/// its own, in the order in which it meets them.
pub(super) fn pieces(rows: &[Row], n_rows: usize) -> Vec<ReportPlays> {
    let mut rows = rows.to_vec();
    rows.sort_by_key(|row| row.name);
    let reports = rows.chunk_by(|a, b| a.name.0 == b.name.0);
    reports.flat_map(|report| report.chunks(n_rows).map(piece)).collect()
}

fn piece(rows: &[Row]) -> ReportPlays {
    let mut words = testing::words(&[], 0);
    words.kinds.clear();
    let plays: Vec<Play> = rows.iter().map(|row| play(row, &mut words)).collect();
    // Chunks of a piece are cut anywhere.
    let chunks = plays.chunks(2).map(<[Play]>::to_vec).collect();
    ReportPlays { report: [rows[0].name.0; 32], rows: chunks, words: Arc::new(words) }
}

fn play(row: &Row, words: &mut PlayDictionaries) -> Play {
    let track = Track {
        isrc: Isrc::parse(row.isrc.as_bytes()),
        upc: None,
        store_track: (!row.store_track.is_empty()).then(|| row.store_track.into()),
        track_ms: row.track_ms,
    };
    let kind = PlayAttributes { plays: row.plays, ..testing::kind() };
    let listener = row.listener.map_or(NONE, |id| {
        // Each row's anew, as a reader does it.
        words.listeners.push(testing::key().hash("spotify", &[id]));
        u32::try_from(words.listeners.len() - 1).unwrap()
    });
    Play {
        listened_at_ms: row.listened_at_ms,
        track: id_of(&mut words.tracks, track),
        listener,
        kind: id_of(&mut words.kinds, kind),
        played_ms: row.played_ms.unwrap_or(NONE),
        offline: match row.offline {
            Some(true) => OFFLINE,
            Some(false) => ONLINE,
            None => OFFLINE_UNKNOWN,
        },
        exact: u8::from(row.exact),
        ..testing::play(row.name.1)
    }
}
