//! What lies where in a warehouse: the lock, snapshots and their manifest, decisions, and what is kept next to
//! the manifest.

pub mod error;
pub mod warehouse_layout;
pub mod manifest;
pub mod warehouse;
pub mod snapshots;
pub mod publish;
pub mod shown;
pub mod preview;
pub mod ledger;
pub mod decisions;
pub mod partition_key;
pub mod report_sums;
pub mod offline_keys;
pub mod settings_of_months;
