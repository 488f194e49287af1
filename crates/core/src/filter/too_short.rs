//! Rule 2, `too_short` and `duration_missing`: a play counts from the store's minimum on.
//!
//! Spotify, Deezer and most count from 30 s on, Apple from above 30 s. A play whose length nobody
//! knows is held, unless the store's feed holds countable plays only.

use crate::model::play::{NONE, PlayMark};
use crate::model::verdict::{Finding, Reason};
use crate::normalize::store::StoreSettings;

/// Judges a played time ([`NONE`] if not known). Measured: milliseconds; threshold: the bound.
#[must_use]
#[inline]
pub fn judge_played_time(played_ms: u32, store: &StoreSettings) -> Option<PlayMark> {
    if played_ms == NONE {
        let mark = PlayMark {
            finding: Finding::of(Reason::DurationMissing),
            measured: None,
            threshold: None,
        };
        return (!store.played_time.countable_only).then_some(mark);
    }
    store.minimum.is_too_short(played_ms).then(|| PlayMark {
        finding: Finding::of(Reason::TooShort),
        measured: Some(i64::from(played_ms)),
        threshold: Some(i64::from(store.minimum.played_ms)),
    })
}
