//! Settings that a person has accepted: the numbers that judge, a full copy each time, and the months
//! for which they hold. Of several entries that name a month the newest decides.
//!
//! Numbers are told apart by a hash over a canonical text: keys in byte order, and nothing in it that
//! judges nothing (names, versions, sources). So neither the order of fields in the code nor a comment
//! in a file makes other settings of the same numbers.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::explain::calendar::Calendar;
use crate::explain::eligibility::EligibilityRule;
use crate::filter::policy::Policy;
use crate::normalize::store::{MinimumRate, PlayedTime, StoreClock, StoreSettings};

/// Version of the canonical text. It changes when the same numbers are written in another way.
const CANONICAL_VERSION: u32 = 1;

/// The numbers that judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgingNumbers {
    /// The numbers of the filter rules.
    pub policy: Policy,
    /// What judges besides them, by store.
    pub stores: BTreeMap<String, StoreNumbers>,
    /// When reports are due.
    pub calendar: Calendar,
}

/// What judges the plays of one store besides the policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreNumbers {
    /// The played time from which a play counts.
    pub minimum: MinimumRate,
    /// What a missing played time means.
    pub played_time: PlayedTime,
    /// Width of the steps to which the store rounds the times of plays, seconds.
    pub rounded_to_s: u32,
    /// From when on the store pays for a track; `None` if it pays for every one.
    pub eligibility: Option<EligibilityRule>,
}

impl StoreNumbers {
    /// Those of a store file.
    #[must_use]
    pub fn of(store: &StoreSettings) -> Self {
        Self {
            minimum: store.minimum.clone(),
            played_time: store.played_time,
            rounded_to_s: store.clock.rounded_to_s,
            eligibility: store.eligibility,
        }
    }

    /// A store file with these numbers in the place of its own.
    #[must_use]
    pub fn judge(&self, store: &StoreSettings) -> StoreSettings {
        StoreSettings {
            minimum: self.minimum.clone(),
            played_time: self.played_time,
            clock: StoreClock { rounded_to_s: self.rounded_to_s, ..store.clock },
            eligibility: self.eligibility,
            ..store.clone()
        }
    }

    /// What of it judges single plays, as canonical text: part of a fingerprint.
    ///
    /// # Errors
    /// If it cannot be written as JSON, which its types rule out.
    pub fn canonical_of_plays(&self) -> Result<String, serde_json::Error> {
        let plays = Self { eligibility: None, ..self.clone() };
        Ok(canonical(&serde_json::to_value(plays)?))
    }
}

/// A number that differs between two settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsEdit {
    /// Where it stands, such as `policy.repeater.plays_min`.
    pub number: String,
    /// What is accepted, as JSON; `None` if there is no such number.
    pub accepted: Option<String>,
    /// What is proposed, as JSON; `None` if it is left out.
    pub proposed: Option<String>,
}

impl JudgingNumbers {
    /// With the numbers of stores that only `accepted` has: a store whose file is away for a while does
    /// not come back under numbers that nobody has accepted.
    #[must_use]
    pub fn with_absent_of(mut self, accepted: &Self) -> Self {
        for (store, numbers) in &accepted.stores {
            self.stores.entry(store.clone()).or_insert_with(|| numbers.clone());
        }
        self
    }

    /// With the numbers and the calendar of stores that it does not have yet, and their names.
    #[must_use]
    pub fn with_new_of(mut self, proposed: &Self) -> (Self, BTreeSet<String>) {
        let mut new = BTreeSet::new();
        for (store, numbers) in &proposed.stores {
            if !self.stores.contains_key(store) {
                self.stores.insert(store.clone(), numbers.clone());
                new.insert(store.clone());
            }
        }
        for store in &new {
            take_calendar(&mut self.calendar, &proposed.calendar, store);
        }
        (self, new)
    }

    /// Name of the numbers: BLAKE3 over their canonical text, 64 hex digits.
    ///
    /// # Errors
    /// If they cannot be written as JSON, which their types rule out.
    pub fn hash(&self) -> Result<String, serde_json::Error> {
        let text = canonical(&self.canonical_value()?);
        Ok(blake3::hash(text.as_bytes()).to_hex().to_string())
    }

    /// The numbers that differ, by where they stand.
    ///
    /// # Errors
    /// As [`Self::hash`].
    pub fn edits(&self, proposed: &Self) -> Result<Vec<SettingsEdit>, serde_json::Error> {
        let [mut old, mut new] = [BTreeMap::new(), BTreeMap::new()];
        flatten("", &self.canonical_value()?, &mut old);
        flatten("", &proposed.canonical_value()?, &mut new);
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let edit = |name: &&String| SettingsEdit {
            number: (*name).clone(),
            accepted: old.get(*name).cloned(),
            proposed: new.get(*name).cloned(),
        };
        Ok(names.iter().map(edit).filter(|edit| edit.accepted != edit.proposed).collect())
    }

    fn canonical_value(&self) -> Result<Value, serde_json::Error> {
        let mut policy = serde_json::to_value(&self.policy)?;
        without(&mut policy, &["name", "version"]);
        let mut calendar = Map::new();
        for entry in &self.calendar.expected {
            let territory = entry.territory.as_deref().unwrap_or("*");
            let name = format!("{} {} {territory}", entry.store, entry.feed.as_str());
            let mut value = serde_json::to_value(entry)?;
            without(&mut value, &["store", "feed", "territory", "source"]);
            calendar.insert(name, value);
        }
        for entry in &self.calendar.not_sent {
            let name = format!("{} {} not sent", entry.store, entry.feed.as_str());
            calendar.insert(name, Value::Bool(true));
        }
        let parts = [
            ("version".to_owned(), Value::from(CANONICAL_VERSION)),
            ("policy".to_owned(), policy),
            ("stores".to_owned(), serde_json::to_value(&self.stores)?),
            ("calendar".to_owned(), Value::Object(calendar)),
        ];
        Ok(Value::Object(parts.into_iter().collect()))
    }
}

/// Puts the entries of one store from another calendar in the place of those that are there.
fn take_calendar(calendar: &mut Calendar, from: &Calendar, store: &str) {
    calendar.expected.retain(|entry| entry.store != store);
    calendar.not_sent.retain(|entry| entry.store != store);
    let expected = from.expected.iter().filter(|entry| entry.store == store);
    calendar.expected.extend(expected.cloned());
    let not_sent = from.not_sent.iter().filter(|entry| entry.store == store);
    calendar.not_sent.extend(not_sent.cloned());
}

fn without(value: &mut Value, keys: &[&str]) {
    if let Value::Object(fields) = value {
        keys.iter().for_each(|key| drop(fields.remove(*key)));
    }
}

/// JSON without blanks, keys in byte order: the same value is the same text, whatever the order of the
/// fields in the code.
#[must_use]
pub fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
            let field = |(key, value): (&String, &Value)| {
                format!("{}:{}", Value::from(key.as_str()), canonical(value))
            };
            format!("{{{}}}", sorted.into_iter().map(field).collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        plain => plain.to_string(),
    }
}

fn flatten(at: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| {
            let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            flatten(&at, value, into);
        }),
        value => drop(into.insert(at.to_owned(), canonical(value))),
    }
}

/// The months for which settings hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecidedMonths {
    /// All months of all stores, those to come too.
    All,
    /// Those of any of these.
    Spans(Vec<MonthSpan>),
}

/// Some months of some stores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonthSpan {
    /// The store; all if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// First month, `YYYY-MM`; from the beginning if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Last month, `YYYY-MM`; those to come too if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

impl MonthSpan {
    fn is_of(&self, store: &str) -> bool {
        self.store.as_deref().is_none_or(|own| own == store)
    }

    fn has(&self, store: &str, month: &str) -> bool {
        self.is_of(store)
            && self.from.as_deref().is_none_or(|from| from <= month)
            && self.to.as_deref().is_none_or(|to| month <= to)
    }

    /// Whether it holds for every month that another one names.
    fn holds_all_of(&self, other: &Self) -> bool {
        let begins = |a: &Option<String>| a.clone().unwrap_or_default();
        let is_wider = match (&self.to, &other.to) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(others)) => others <= own,
        };
        let is_of_store = self.store.is_none() || self.store == other.store;
        is_of_store && begins(&self.from) <= begins(&other.from) && is_wider
    }

    /// Whether a month can be in both.
    fn meets(&self, other: &Self) -> bool {
        let is_before = |one: &Self, other: &Self| match (&one.to, &other.from) {
            (Some(to), Some(from)) => to < from,
            _ => false,
        };
        let is_of_other = |store: &String| other.is_of(store);
        self.store.as_ref().is_none_or(is_of_other)
            && !is_before(self, other)
            && !is_before(other, self)
    }
}

impl DecidedMonths {
    fn have(&self, store: &str, month: &str) -> bool {
        match self {
            Self::All => true,
            Self::Spans(spans) => spans.iter().any(|span| span.has(store, month)),
        }
    }

    fn hold_all_of(&self, span: &MonthSpan) -> bool {
        match self {
            Self::All => true,
            Self::Spans(spans) => spans.iter().any(|own| own.holds_all_of(span)),
        }
    }

    fn meet(&self, span: &MonthSpan) -> bool {
        match self {
            Self::All => true,
            Self::Spans(spans) => spans.iter().any(|own| own.meets(span)),
        }
    }

    /// The stores of which they are all months, where not all stores are meant.
    fn whole_stores(&self) -> impl Iterator<Item = &String> {
        let spans = match self {
            Self::All => &[],
            Self::Spans(spans) => spans.as_slice(),
        };
        let whole = spans.iter().filter(|span| span.from.is_none() && span.to.is_none());
        whole.filter_map(|span| span.store.as_ref())
    }
}

/// Settings in force: of all that was accepted, what decides for some month.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsInForce {
    /// Hash of the numbers for all months without an entry of their own.
    base: String,
    /// Oldest first; the first is for all months.
    entries: Vec<EntryInForce>,
    /// Numbers by hash.
    numbers: BTreeMap<String, JudgingNumbers>,
    /// Hash of the policy among them, by their hash.
    policies: BTreeMap<String, String>,
}

/// An entry that decides for some month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryInForce {
    months: DecidedMonths,
    hash: String,
}

impl SettingsInForce {
    /// Those that come of entries, oldest first; `None` as long as none is for all months.
    ///
    /// # Errors
    /// As [`JudgingNumbers::hash`].
    pub fn of<'a>(
        entries: impl Iterator<Item = (&'a DecidedMonths, &'a JudgingNumbers)>,
    ) -> Result<Option<Self>, serde_json::Error> {
        let mut in_force = None;
        for (months, numbers) in entries {
            in_force = match (in_force, months) {
                (_, DecidedMonths::All) => Some(Self::for_all(numbers)?),
                (None, _) => None,
                (Some(previous), _) => Some(Self::with(previous, months, numbers)?),
            };
        }
        Ok(in_force)
    }

    /// The same numbers for all months.
    ///
    /// # Errors
    /// As [`JudgingNumbers::hash`].
    pub fn for_all(numbers: &JudgingNumbers) -> Result<Self, serde_json::Error> {
        let mut new = Self { base: numbers.hash()?, ..Self::default() };
        new.entries.push(EntryInForce { months: DecidedMonths::All, hash: new.base.clone() });
        new.add(&new.base.clone(), numbers)?;
        Ok(new)
    }

    /// With other numbers for some months.
    ///
    /// # Errors
    /// As [`JudgingNumbers::hash`].
    pub fn with(
        mut self,
        months: &DecidedMonths,
        numbers: &JudgingNumbers,
    ) -> Result<Self, serde_json::Error> {
        let mut base = self.numbers.get(&self.base).unwrap_or(numbers).clone();
        for store in months.whole_stores() {
            if let Some(own) = numbers.stores.get(store) {
                base.stores.insert(store.clone(), own.clone());
            }
            take_calendar(&mut base.calendar, &numbers.calendar, store);
        }
        let hash = numbers.hash()?;
        self.add(&hash, numbers)?;
        self.entries.push(EntryInForce { months: months.clone(), hash });
        self.base = base.hash()?;
        self.add(&self.base.clone(), &base)?;
        Ok(self)
    }

    fn add(&mut self, hash: &str, numbers: &JudgingNumbers) -> Result<(), serde_json::Error> {
        self.policies.insert(hash.to_owned(), numbers.policy.hash()?);
        self.numbers.insert(hash.to_owned(), numbers.clone());
        Ok(())
    }

    /// Hash of the numbers for all months without an entry of their own; empty if there are none.
    #[must_use]
    pub fn base_hash(&self) -> &str {
        &self.base
    }

    /// The numbers for all months without an entry of their own; `None` if there are none.
    #[must_use]
    pub fn base(&self) -> Option<&JudgingNumbers> {
        self.numbers.get(&self.base)
    }

    /// Hash of the numbers for a store's month (`YYYY-MM`).
    #[must_use]
    pub fn hash_of(&self, store: &str, month: &str) -> &str {
        let newest = self.entries.iter().rev().find(|entry| entry.months.have(store, month));
        newest.map_or(&self.base, |entry| &entry.hash)
    }

    /// The numbers for a store's month (`YYYY-MM`); `None` if there are none.
    #[must_use]
    pub fn of_month(&self, store: &str, month: &str) -> Option<&JudgingNumbers> {
        self.numbers.get(self.hash_of(store, month))
    }

    /// Numbers that hold for some months only, or have held for all before others were added; by hash.
    pub fn exceptions(&self) -> impl Iterator<Item = (&str, &JudgingNumbers)> {
        let others = self.numbers.iter().filter(|(hash, _)| **hash != self.base);
        others.map(|(hash, numbers)| (hash.as_str(), numbers))
    }

    /// Hash of the policy that the footers of a partition name: only plays and what is summed from them
    /// are judged.
    #[must_use]
    pub fn policy_hash_of_path(&self, path: &str) -> &str {
        let judged = ["plays/", "trends_daily/", "waterfall/", "eligibility/"];
        let part = |name: &str| path.split('/').find_map(|part| part.strip_prefix(name));
        match (part("store="), part("month=")) {
            (Some(store), Some(month)) if judged.iter().any(|table| path.starts_with(table)) => {
                self.policy_hash(store, month)
            }
            _ => self.base_policy_hash(),
        }
    }

    /// Hash of the policy for a store's month (`YYYY-MM`); empty if there is none.
    #[must_use]
    pub fn policy_hash(&self, store: &str, month: &str) -> &str {
        self.policies.get(self.hash_of(store, month)).map_or("", String::as_str)
    }

    /// Hash of the policy for all months without an entry of their own; empty if there is none.
    #[must_use]
    pub fn base_policy_hash(&self) -> &str {
        self.policies.get(&self.base).map_or("", String::as_str)
    }

    /// Whether the newest word on all these months is that they have these numbers.
    #[must_use]
    pub fn have(&self, span: &MonthSpan, hash: &str) -> bool {
        let newest = self.entries.iter().rev().find(|entry| entry.months.meet(span));
        newest.is_some_and(|entry| entry.hash == hash && entry.months.hold_all_of(span))
    }

    /// Whether a month of a store is judged by other numbers than months without an entry of their own:
    /// their hash if so.
    #[must_use]
    pub fn differing(&self, store: &str, month: &str) -> Option<&str> {
        let hash = self.hash_of(store, month);
        let [own, base] = [Some(hash), Some(self.base.as_str())].map(|hash| {
            let numbers = self.numbers.get(hash?)?;
            Some((&numbers.policy, numbers.stores.get(store)))
        });
        (own != base).then_some(hash)
    }
}

#[cfg(test)]
mod tests;
