//! Policy: the versioned numbers of the filter rules, as `pipelines/policies/*.toml` writes them.
//! There is no default in code: a number that decides what counts stands in a file, with its source.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::verdict::{Finding, Reason, Verdict};

/// The numbers of the filter rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Name of the policy, for people.
    pub name: String,
    /// Version of the policy, for people; what counts is the hash of the numbers.
    pub version: u32,
    /// The same play once more.
    pub duplicate: DuplicateRule,
    /// Offline plays that are reported too late.
    pub offline_expired: OfflineExpired,
    /// More plays than a day can hold.
    pub impossible_volume: ImpossibleVolume,
    /// More played time than a day has.
    pub impossible_time: ImpossibleTime,
    /// Many plays, hardly varying in length.
    pub low_variety: LowVariety,
    /// One listener, one track, over and over.
    pub repeater: RepeaterRule,
    /// Most plays end just after the bound from which they pay.
    pub short_cluster: ShortCluster,
}

/// Rule 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DuplicateRule {
    /// Days after listening within which an offline play is looked for under earlier counted dates.
    #[schemars(range(max = 366))]
    pub offline_days_max: u32,
}

/// Rule 3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfflineExpired {
    /// Days between listening and counting that are still accepted.
    pub days_max: u32,
}

/// Rule 4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImpossibleVolume {
    /// Most plays that a listener can have in a day; one more is impossible.
    pub plays_max: u32,
    /// What happens to them.
    #[serde(default = "exclude", skip_serializing_if = "is_exclude")]
    pub action: RuleAction,
}

/// Rule 5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImpossibleTime {
    /// Most played time that a listener can have in a day, milliseconds.
    pub played_ms_max: u64,
    /// What happens to the plays of such a day.
    #[serde(default = "exclude", skip_serializing_if = "is_exclude")]
    pub action: RuleAction,
}

/// Rule 6.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LowVariety {
    /// Plays of a listener in a day from which the rule looks.
    #[schemars(range(min = 1))]
    pub plays_min: u32,
    /// At most this many different played times are suspicious.
    pub played_times_max: u32,
    /// A longest play of at most this is suspicious, milliseconds.
    pub longest_ms_max: u32,
    /// What happens to the plays of such days.
    #[serde(default = "exclude", skip_serializing_if = "is_exclude")]
    pub action: RuleAction,
    /// A play that reaches this share of a known track length was heard to its end, percent: it does not
    /// count where each track must have a played time of its own.
    #[serde(default = "to_the_end", skip_serializing_if = "is_to_the_end")]
    #[schemars(range(max = 100))]
    pub complete_min_percent: u32,
    /// What happens to the plays of a day in which each track has a played time of its own.
    #[serde(default = "hold", skip_serializing_if = "is_hold")]
    pub length_per_track_action: RuleAction,
}

/// Rule 7.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepeaterRule {
    /// Plays of one track by a listener in a day from which the rule looks.
    #[schemars(range(min = 1))]
    pub plays_min: u32,
    /// What happens to them.
    pub action: RepeaterAction,
}

/// What happens to a repeater's plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RepeaterAction {
    /// All are held.
    Hold,
    /// All are excluded.
    Exclude,
    /// The first `plays_min` count, those beyond are excluded.
    Cap,
}

/// Rule 8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShortCluster {
    /// Plays of a listener in a day from which the rule looks.
    #[schemars(range(min = 1))]
    pub plays_min: u32,
    /// Share of short plays from which they are suspicious, basis points.
    #[schemars(range(max = 10_000))]
    pub share_min_basis_points: u32,
    /// Shortest play that is short, milliseconds.
    pub played_ms_from: u32,
    /// Longest play that is short, milliseconds.
    pub played_ms_to: u32,
    /// A play that reaches this share of a known track length is no short play, percent.
    #[schemars(range(max = 100))]
    pub complete_min_percent: u32,
    /// What happens to them.
    #[serde(default = "hold", skip_serializing_if = "is_hold")]
    pub action: RuleAction,
}

/// What happens to plays that a rule marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleAction {
    /// They are held: shown apart, and may be released.
    Hold,
    /// They are excluded.
    Exclude,
}

impl RuleAction {
    fn verdict(self) -> Verdict {
        match self {
            Self::Hold => Verdict::Held,
            Self::Exclude => Verdict::Excluded,
        }
    }
}

// What a policy of an older version does not say is left out of its hash, which accepted settings name.

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_exclude(action: &RuleAction) -> bool {
    *action == RuleAction::Exclude
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_hold(action: &RuleAction) -> bool {
    *action == RuleAction::Hold
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_to_the_end(percent: &u32) -> bool {
    *percent == to_the_end()
}

fn exclude() -> RuleAction {
    RuleAction::Exclude
}

fn hold() -> RuleAction {
    RuleAction::Hold
}

fn to_the_end() -> u32 {
    95
}

impl Policy {
    /// BLAKE3 over the numbers (as JSON with the fields in the order above, without name and version),
    /// hex: two files that differ in comments, name or version only are one policy.
    ///
    /// # Errors
    /// If the policy cannot be written as JSON, which its types rule out.
    pub fn hash(&self) -> Result<String, serde_json::Error> {
        let numbers = Self { name: String::new(), version: 0, ..self.clone() };
        Ok(blake3::hash(&serde_json::to_vec(&numbers)?).to_hex().to_string())
    }

    /// What becomes of a play of which a rule found this.
    #[must_use]
    pub fn verdict(&self, finding: Option<Finding>) -> Verdict {
        let Some(finding) = finding else {
            return Verdict::Counted;
        };
        if finding == Finding::LENGTH_PER_TRACK {
            return self.low_variety.length_per_track_action.verdict();
        }
        match finding.reason() {
            Reason::DurationMissing => Verdict::Held,
            Reason::ImpossibleVolume => self.impossible_volume.action.verdict(),
            Reason::ImpossibleTime => self.impossible_time.action.verdict(),
            Reason::LowVariety => self.low_variety.action.verdict(),
            Reason::ShortCluster => self.short_cluster.action.verdict(),
            Reason::Repeater if self.repeater.action == RepeaterAction::Hold => Verdict::Held,
            Reason::Duplicate | Reason::TooShort | Reason::OfflineExpired | Reason::Repeater => {
                Verdict::Excluded
            }
        }
    }
}
