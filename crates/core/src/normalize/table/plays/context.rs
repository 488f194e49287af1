//! What reading plays needs to know besides the rows.

use std::collections::BTreeSet;

use crate::model::day::Day;
use crate::model::listener::ListenerKey;
use crate::model::territory::TerritoryTable;
use crate::normalize::store::StoreSettings;

/// What reading plays needs to know besides the rows.
#[derive(Debug, Clone, Copy)]
pub struct PlaysContext<'a> {
    /// The store's settings.
    pub store: &'a StoreSettings,
    /// Territory codes and aliases.
    pub territories: &'a TerritoryTable,
    /// The key of the listeners' hashes.
    pub key: &'a ListenerKey,
    /// Counted dates to keep plays of; `None` for all.
    pub wanted: Option<&'a BTreeSet<Day>>,
}
