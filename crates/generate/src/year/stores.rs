//! The stores of a year: how much is played there, and what each makes of a play when it pays.

use chrono::{Days, NaiveDate};

use super::super::GeneratedWorld;
use super::super::audience::PlanShare;
use super::super::catalogue::TrackCells;
use super::super::day::{DAY_S, GeneratedPlay, ListenerNature};
use super::super::day_plan::{self, DayPlan};
use super::super::patterns::PatternKind;
use super::{StatementSpan, fiscal_month, month_span};

/// Shortest play that counts, in milliseconds.
const COUNTS_FROM_MS: u32 = 30_000;
/// Days after which an offline play no longer counts.
const OFFLINE_DAYS_MAX: u64 = 30;
/// One ordinary listener in this many is taken for an artificial one by his store.
const REMOVED_EVERY: u32 = 211;

/// A store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum YearStore {
    /// Sends every play, and pays by itself.
    Spotify,
    /// Sends a table with listeners, and pays by itself.
    Deezer,
    /// Sends sums, and pays by itself, for fiscal months.
    AppleMusic,
    /// Pays by itself, in flat files of DDEX.
    Tidal,
    /// Paid through another distributor.
    SoundCloud,
    /// Paid through another distributor.
    Boomplay,
}

/// How late a statement is.
#[derive(Debug, Clone, Copy)]
pub(super) enum StatementDelay {
    /// Days after its period.
    Days(u64),
    /// In the statements of another distributor.
    Elsewhere,
}

/// What a store does with a play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlayFate {
    /// It is paid, or listed without money.
    Settled,
    /// It is shown, and removed as artificial afterwards.
    Removed,
    /// It never was one.
    Ignored,
}

impl YearStore {
    /// All stores.
    pub(super) const ALL: [Self; 6] = [
        Self::Spotify,
        Self::Deezer,
        Self::AppleMusic,
        Self::Tidal,
        Self::SoundCloud,
        Self::Boomplay,
    ];

    /// Its part of all plays, in percent.
    pub(super) const fn plays_percent(self) -> u64 {
        match self {
            Self::Spotify => 60,
            Self::Deezer | Self::AppleMusic => 15,
            Self::Tidal => 5,
            Self::SoundCloud => 3,
            Self::Boomplay => 2,
        }
    }

    /// Whether its reports tell listeners apart.
    pub(super) const fn has_listeners(self) -> bool {
        matches!(self, Self::Spotify | Self::Deezer)
    }

    /// When its statements come, by the delivery calendar.
    pub(super) const fn delay(self) -> StatementDelay {
        match self {
            Self::Spotify => StatementDelay::Days(60),
            Self::Deezer => StatementDelay::Days(120),
            Self::AppleMusic | Self::Tidal => StatementDelay::Days(90),
            Self::SoundCloud | Self::Boomplay => StatementDelay::Elsewhere,
        }
    }

    /// The period of its statements that holds a day.
    pub(super) fn period(self, day: NaiveDate) -> StatementSpan {
        use chrono::Datelike as _;
        match self {
            Self::AppleMusic => fiscal_month(day),
            _ => month_span(day.year(), day.month0())
                .unwrap_or(StatementSpan { first: day, last: day }),
        }
    }
}

/// A store with its listeners.
#[derive(Debug)]
pub(super) struct StoreWorld {
    /// Which one.
    pub(super) store: YearStore,
    /// Who listens there to what.
    pub(super) world: GeneratedWorld,
}

impl StoreWorld {
    /// The plays of a day.
    pub(super) fn plan(&self, day: u32) -> DayPlan {
        let n_rows = usize::try_from(self.world.settings.rows_of_day(day)).unwrap_or(0);
        day_plan::plan(&self.world, day, n_rows)
    }

    /// What reports say of a track.
    pub(super) fn cells(&self, track: u32) -> TrackCells<'_> {
        self.world.catalogue().cells(track)
    }

    /// What the store makes of a play.
    ///
    /// Spotify sees the accounts that a distributor's filter excludes and does not pay them. It pays those that
    /// the filter only holds, and the other stores pay all.
    pub(super) fn fate(&self, play: &GeneratedPlay) -> PlayFate {
        use PatternKind::{BotFarm, LowVarietyBot, TimeBot, VolumeBot};
        let is_long = match self.store {
            YearStore::AppleMusic => COUNTS_FROM_MS < play.played_ms,
            YearStore::Deezer => COUNTS_FROM_MS <= self.percent_ms(play),
            _ => COUNTS_FROM_MS <= play.played_ms,
        };
        if !is_long || (self.tells_heard_day() && OFFLINE_DAYS_MAX < age_days(play)) {
            return PlayFate::Ignored;
        }
        match play.listener.checked_sub(self.world.n_people()) {
            Some(special) => {
                let kind = self.world.special(special as usize).kind;
                let is_known = matches!(kind, VolumeBot | TimeBot | BotFarm | LowVarietyBot);
                let is_ignored = self.store == YearStore::Spotify && is_known;
                if is_ignored { PlayFate::Ignored } else { PlayFate::Settled }
            }
            None if self.store.has_listeners() && play.listener % REMOVED_EVERY == 7 => {
                PlayFate::Removed
            }
            None => PlayFate::Settled,
        }
    }

    /// Whether its daily reports say when an offline play was heard.
    const fn tells_heard_day(&self) -> bool {
        matches!(self.store, YearStore::Spotify | YearStore::AppleMusic)
    }

    /// Whole percent of the track that was played, as Deezer writes it.
    pub(super) fn percent(&self, play: &GeneratedPlay) -> u32 {
        (play.played_ms / 10 / self.track_s(play.track).max(1)).min(100)
    }

    /// Length of a track in whole seconds.
    pub(super) fn track_s(&self, track: u32) -> u32 {
        self.world.catalogue().length_ms(track) / 1_000
    }

    /// Played time as it follows from whole percent and seconds, in milliseconds.
    fn percent_ms(&self, play: &GeneratedPlay) -> u32 {
        self.percent(play) * self.track_s(play.track) * 10
    }
}

/// Days between listening and counting.
fn age_days(play: &GeneratedPlay) -> u64 {
    match play.nature {
        ListenerNature::Offline => {
            let days = play.heard_s.div_euclid(DAY_S.cast_signed());
            u64::from((-days).max(0).unsigned_abs())
        }
        ListenerNature::Online | ListenerNature::Unstamped => 0,
    }
}

/// The day on which a play was heard that is counted on `date`.
pub(super) fn heard_on(play: &GeneratedPlay, date: NaiveDate) -> NaiveDate {
    date.checked_sub_days(Days::new(age_days(play))).unwrap_or(date)
}

/// The product code of a plan, never empty.
pub(super) const fn product(plan: &PlanShare) -> &'static str {
    if plan.product.is_empty() { plan.access } else { plan.product }
}
