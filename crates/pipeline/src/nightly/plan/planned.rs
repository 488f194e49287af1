//! The plan of a run: the partitions that there must be, which of them are built, and why. It is complete
//! before anything is built, and it does not change after that.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use streamledger_core::filter::offline_repeats::OfflineKey;
use streamledger_core::model::day::{Day, Month};
use streamledger_core::normalize::sales_lot::SalesMonth;
use streamledger_storage::layout::ledger::FileEntry;
use streamledger_storage::layout::report_sums::MonthTotalsRecord;
use streamledger_storage::tables::lot_table::LotTable;

/// Path of the one partition of `reports`.
pub(crate) const REPORTS: &str = "reports";

/// Path of the one partition of `unmapped_values`.
pub(crate) const UNMAPPED_VALUES: &str = "unmapped_values";

/// Path of the one partition of `deliveries`.
pub(crate) const DELIVERIES: &str = "deliveries";

/// Why a date is rebuilt whose inputs are as they were.
pub(crate) const DAMAGED_LIST: &str = "its list of offline plays was damaged";

/// Path of the one partition of `coverage`.
pub(crate) const COVERAGE: &str = "coverage";

/// What a run builds, and what there is after it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// All partitions that there must be, by path.
    pub targets: BTreeMap<String, PlannedPartition>,
    /// Of each partition of `plays`, by path: what other partitions depend on.
    pub dates: BTreeMap<String, PlannedDate>,
    /// Published partitions that nothing feeds any more.
    pub dropped: BTreeSet<String>,
}

/// A partition that there must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedPartition {
    /// What it holds.
    pub kind: PartitionKind,
    /// Names all that its files depend on.
    pub fingerprint: String,
    /// Keys of the reports that feed it.
    pub reports: Vec<String>,
    /// Why it is built; `None` if it stays as it is published.
    pub why: Option<String>,
}

impl PlannedPartition {
    /// Whether it is built.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.why.is_some()
    }
}

/// What is known of a date of `plays` before it is built.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedDate {
    /// Months (`YYYY-MM`) before its own in which some of its plays were listened to.
    pub heard_in: BTreeSet<String>,
    /// Name of the keys of its late plays that earlier dates have too; `None` for none.
    pub counted_earlier: Option<String>,
    /// Those keys, ascending, where the date is built.
    #[serde(with = "hex_keys")]
    pub earlier_keys: Vec<OfflineKey>,
}

/// Keys as hex digits: JSON has no numbers of 128 bits.
mod hex_keys {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(keys: &[u128], to: S) -> Result<S::Ok, S::Error> {
        let texts: Vec<String> = keys.iter().map(|key| format!("{key:032x}")).collect();
        texts.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u128>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        texts.iter().map(|text| u128::from_str_radix(text, 16).map_err(D::Error::custom)).collect()
    }
}

/// What a partition holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartitionKind {
    /// A date of `plays`, with its file of `trends_daily`.
    Plays {
        /// The store.
        store: String,
        /// Counted date.
        day: Day,
    },
    /// A month of `trends_daily`: the files of its dates.
    TrendsDaily {
        /// The store.
        store: String,
        /// Month of the counted dates.
        month: Month,
    },
    /// A month of a table of lines, figures or reference data.
    Lots(LotTable, SalesMonth),
    /// A month of `sales_monthly`.
    SalesMonthly {
        /// Path of the partition of `sales` that it sums.
        sales: String,
    },
    /// Bad rows and rejected reports of a month.
    Quarantine,
    /// All reports.
    Reports,
    /// Values of reports that no table of ours knows.
    UnmappedValues,
    /// When reports came.
    Deliveries,
    /// What is there and what is due, of all stores.
    Coverage,
    /// A month of `waterfall`, made of the other tables.
    Waterfall,
    /// A month of `eligibility`, made with its waterfall.
    Eligibility,
}

/// The files of a partition of lines or sums that is complete.
#[derive(Debug)]
pub(crate) struct FinishedFiles {
    pub(crate) files: Vec<FileEntry>,
    /// Of `sales_monthly`: what its rows come to.
    pub(crate) totals: Option<MonthTotalsRecord>,
}

impl Plan {
    /// Whether the tables are already as they must be.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.dropped.is_empty() && self.stale().next().is_none()
    }

    /// The partitions that are built, by path.
    pub fn stale(&self) -> impl Iterator<Item = (&String, &PlannedPartition)> {
        self.targets.iter().filter(|(_, planned)| planned.is_stale())
    }

    /// Path and reason of the partitions that are built or dropped.
    #[must_use]
    pub fn reasons(&self) -> Vec<(String, String)> {
        let built = self.stale().filter_map(|(path, planned)| Some((path, planned.why.as_ref()?)));
        let built = built.map(|(path, why)| (path.clone(), why.clone()));
        let dropped = self.dropped.iter();
        let dropped = dropped.map(|path| (path.clone(), "no report feeds it any more".to_owned()));
        built.chain(dropped).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_the_same_after_it_was_written_and_read() {
        let planned = |kind, why: Option<&str>| PlannedPartition {
            kind,
            fingerprint: "239b93c3818cdc48d56eed5de8e27753".to_owned(),
            reports: vec!["spotify/1".to_owned()],
            why: why.map(str::to_owned),
        };
        let day = Day(20_697);
        let store = || "spotify".to_owned();
        let sales = (store(), day.month());
        let targets = [
            ("plays", planned(PartitionKind::Plays { store: store(), day }, Some("new"))),
            ("lots", planned(PartitionKind::Lots(LotTable::Sales, sales), None)),
            ("monthly", planned(PartitionKind::SalesMonthly { sales: store() }, Some("new"))),
            ("coverage", planned(PartitionKind::Coverage, None)),
        ];
        let date = PlannedDate {
            heard_in: BTreeSet::from(["2026-08".to_owned()]),
            counted_earlier: Some("a".to_owned()),
            earlier_keys: vec![0, u128::MAX],
        };
        let plan = Plan {
            targets: targets.map(|(path, planned)| (path.to_owned(), planned)).into(),
            dates: BTreeMap::from([("plays".to_owned(), date)]),
            dropped: BTreeSet::from(["sales/x".to_owned()]),
        };
        let written = serde_json::to_string(&plan).unwrap();
        assert!(written.contains(r#""day":"2026-09-01""#), "{written}");
        assert_eq!(serde_json::from_str::<Plan>(&written).unwrap(), plan);
        let reasons: Vec<String> = plan.reasons().into_iter().map(|(path, _)| path).collect();
        assert_eq!(reasons, ["monthly", "plays", "sales/x"]);
        assert!(!plan.is_empty() && Plan::default().is_empty());
    }
}
