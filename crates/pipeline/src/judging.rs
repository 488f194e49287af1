//! By what a run judges: the accepted settings of each month, put into the store files of the pipeline.
//! What a pipeline says besides its numbers, how reports are read, is not a matter of acceptance.

use std::collections::BTreeMap;

use streamledger_core::decisions::AcceptedReports;
use streamledger_core::decisions::settings::{JudgingNumbers, SettingsInForce, StoreNumbers};
use streamledger_core::filter::policy::Policy;
use streamledger_core::normalize::store::StoreSettings;

use crate::intake::config::PipelineSettings;

/// By what a run judges.
#[derive(Debug, Clone)]
pub struct JudgingSettings {
    in_force: SettingsInForce,
    /// What footers name: the same, except for a proposal, whose files are to be compared with what is
    /// published.
    footers: SettingsInForce,
    /// Store files of months with numbers of their own, by hash of these and name of the store.
    stores: BTreeMap<String, BTreeMap<String, StoreSettings>>,
    accepted: AcceptedReports,
}

impl JudgingSettings {
    /// By settings in force and what is accepted of single reports; of the pipeline, only how reports
    /// are read counts.
    #[must_use]
    pub fn new(
        settings: &PipelineSettings,
        in_force: SettingsInForce,
        accepted: AcceptedReports,
    ) -> Self {
        let own = |(hash, numbers): (&str, &JudgingNumbers)| {
            (hash.to_owned(), judged_stores(settings, numbers))
        };
        let stores = in_force.exceptions().map(own).collect();
        Self { footers: in_force.clone(), in_force, stores, accepted }
    }

    /// What is accepted of single reports.
    #[must_use]
    pub fn accepted(&self) -> &AcceptedReports {
        &self.accepted
    }

    /// By other numbers, with the footers of these: what they make is there to be compared.
    #[must_use]
    pub fn with_numbers_of(self, settings: &PipelineSettings, proposed: SettingsInForce) -> Self {
        Self { footers: self.footers, ..Self::new(settings, proposed, self.accepted) }
    }

    /// The settings in force.
    #[must_use]
    pub fn in_force(&self) -> &SettingsInForce {
        &self.in_force
    }

    /// The policy of a store's month (`YYYY-MM`); `None` if there are no settings.
    #[must_use]
    pub fn policy(&self, store: &str, month: &str) -> Option<&Policy> {
        Some(&self.in_force.of_month(store, month)?.policy)
    }

    /// Hash of the policy that the footers of a store's month name.
    #[must_use]
    pub fn footer(&self, store: &str, month: &str) -> &str {
        self.footers.policy_hash(store, month)
    }

    /// Hash of the policy that all other footers name.
    #[must_use]
    pub fn base_footer(&self) -> &str {
        self.footers.base_policy_hash()
    }

    /// A store's file with the numbers of a month, if that month has numbers of its own.
    #[must_use]
    pub fn own_store(&self, store: &str, month: &str) -> Option<&StoreSettings> {
        self.stores.get(self.in_force.hash_of(store, month))?.get(store)
    }

    /// What the plays of a store's month are judged by, for their fingerprint.
    #[must_use]
    pub fn of_plays(&self, store: &str, month: &str) -> [String; 2] {
        let numbers = self.in_force.of_month(store, month);
        let of_store = numbers.and_then(|numbers| numbers.stores.get(store));
        let of_store = of_store.map(StoreNumbers::canonical_of_plays).and_then(Result::ok);
        let policy = self.in_force.policy_hash(store, month).to_owned();
        [policy, of_store.unwrap_or_default()]
    }
}

/// The store files with other numbers.
fn judged_stores(
    settings: &PipelineSettings,
    numbers: &JudgingNumbers,
) -> BTreeMap<String, StoreSettings> {
    let judged = |(name, store): (&String, &StoreSettings)| {
        let own = numbers.stores.get(name).map(|own| own.judge(store));
        (name.clone(), own.unwrap_or_else(|| store.clone()))
    };
    settings.stores.iter().map(judged).collect()
}

impl PipelineSettings {
    /// The numbers of the pipeline that judge.
    #[must_use]
    pub fn numbers(&self) -> JudgingNumbers {
        let of_store =
            |(name, store): (&String, &StoreSettings)| (name.clone(), StoreNumbers::of(store));
        JudgingNumbers {
            policy: self.policy.clone(),
            stores: self.stores.iter().map(of_store).collect(),
            calendar: self.calendar.clone(),
        }
    }

    /// The pipeline with the accepted numbers, those for months without an entry of their own, in the
    /// place of its own.
    #[must_use]
    pub fn judged_by(&self, in_force: &SettingsInForce) -> Self {
        let mut judged = self.clone();
        if let Some(numbers) = in_force.base() {
            judged.policy.clone_from(&numbers.policy);
            judged.stores = judged_stores(self, numbers);
            judged.calendar.clone_from(&numbers.calendar);
        }
        judged
    }
}
