//! Which policy the plays of a month are judged by: that of the pipeline, unless somebody has judged
//! the month again by another one. Such a decision stands in the ledger until it is made anew.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use streamledger_core::filter::policy::Policy;

/// The policies in force.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policies {
    /// Hash of the one for all months that are not named below.
    base: String,
    /// Hashes of the others, by store and month (`store=spotify/month=2026-09`).
    months: BTreeMap<String, String>,
    /// Their numbers, by hash.
    numbers: BTreeMap<String, Policy>,
}

impl Policies {
    /// One policy for all months.
    #[must_use]
    pub fn new(policy: &Policy, hash: &str) -> Self {
        Self {
            base: hash.to_owned(),
            months: BTreeMap::new(),
            numbers: BTreeMap::from([(hash.to_owned(), policy.clone())]),
        }
    }

    /// Another policy for all months, but for those that were judged by one of their own.
    #[must_use]
    pub fn with_base(&self, policy: &Policy, hash: &str) -> Self {
        let mut new = self.clone();
        hash.clone_into(&mut new.base);
        new.numbers.insert(hash.to_owned(), policy.clone());
        new.tidied()
    }

    /// Another policy for some months, by store and month.
    #[must_use]
    pub fn with_months(
        &self,
        months: impl Iterator<Item = (String, String)>,
        policy: &Policy,
        hash: &str,
    ) -> Self {
        let mut new = self.clone();
        new.months.extend(months.map(|(store, month)| (key(&store, &month), hash.to_owned())));
        new.numbers.insert(hash.to_owned(), policy.clone());
        new.tidied()
    }

    /// Without what does not differ from the base, and numbers that nothing is judged by.
    fn tidied(mut self) -> Self {
        let Self { base, months, numbers } = &mut self;
        months.retain(|_, hash| hash != base);
        numbers.retain(|hash, _| hash == base || months.values().any(|month| month == hash));
        self
    }

    /// Hash of the policy for all months that have none of their own.
    #[must_use]
    pub fn base_hash(&self) -> &str {
        &self.base
    }

    /// Months with a policy of their own: store and month as in a path, and its hash.
    pub fn exceptions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.months.iter().map(|(month, hash)| (month.as_str(), hash.as_str()))
    }

    /// Hash of the policy of a store's month (`YYYY-MM`).
    #[must_use]
    pub fn hash_of(&self, store: &str, month: &str) -> &str {
        self.months.get(&key(store, month)).unwrap_or(&self.base)
    }

    /// The policy of a store's month, and its hash; `None` if a ledger names one without its numbers.
    #[must_use]
    pub fn of(&self, store: &str, month: &str) -> Option<(&Policy, &str)> {
        let hash = self.hash_of(store, month);
        Some((self.numbers.get(hash)?, hash))
    }

    /// Hash of the policy that the footers of a partition name: only plays and what is summed from them
    /// are judged.
    #[must_use]
    pub fn hash_of_path(&self, path: &str) -> &str {
        let judged = ["plays/", "trends_daily/", "waterfall/", "eligibility/"];
        let is_judged = judged.iter().any(|table| path.starts_with(table));
        let mut parts = path.split('/').skip(1);
        match (is_judged, parts.next(), parts.next()) {
            (true, Some(store), Some(month)) => {
                self.months.get(&format!("{store}/{month}")).unwrap_or(&self.base)
            }
            _ => &self.base,
        }
    }
}

fn key(store: &str, month: &str) -> String {
    format!("store={store}/month={month}")
}
