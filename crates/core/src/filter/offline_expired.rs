//! Rule 3, `offline_expired`: an offline play is reported too late.
//!
//! Stores ask a device to be online at least once in 30 days; an offline play that was heard longer
//! ago is one that the store should not have sent. Only where the store says that it was offline.

use crate::filter::policy::OfflineExpired;
use crate::model::day::Day;
use crate::model::play::{OFFLINE, PlayMark};
use crate::model::verdict::{Finding, Reason};

/// Judges a play by its age when it was counted. Measured: days; threshold: days still accepted.
#[must_use]
#[inline]
pub fn judge_age(
    offline: u8,
    listened: Day,
    counted: Day,
    policy: &OfflineExpired,
) -> Option<PlayMark> {
    let days = i64::from(counted.0) - i64::from(listened.0);
    let days_max = i64::from(policy.days_max);
    (offline == OFFLINE && days_max < days).then_some(PlayMark {
        finding: Finding::of(Reason::OfflineExpired),
        measured: Some(days),
        threshold: Some(days_max),
    })
}
