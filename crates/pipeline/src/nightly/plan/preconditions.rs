//! What must hold before a run does anything: the listener key is the one that the tables were made with.

use streamledger_core::model::listener::ListenerKey;
use streamledger_storage::disk::reading::exists;
use streamledger_storage::layout::error::WarehouseError;
use streamledger_storage::layout::ledger::Manifest;
use streamledger_storage::layout::warehouse::KeySource;
use streamledger_storage::layout::warehouse::read_key;
use streamledger_storage::layout::warehouse_layout::WarehouseLayout;

use crate::nightly::error::NightlyError;
use crate::nightly::options::NightlyOptions;

/// Whether the listener key is the one that the tables were made with. Another one would make other persons
/// of all listeners, so a key is changed, or rebuilt, only where that is asked for.
pub(crate) fn require_key(
    manifest: &Manifest,
    places: &WarehouseLayout,
    options: &NightlyOptions,
) -> Result<(), NightlyError> {
    if manifest.snapshot == 0 || manifest.listener_key.is_empty() || options.rekey {
        return Ok(());
    }
    let own = places.own_key();
    let known = match &options.listener_key {
        Some(given) => Some(given.key()?),
        None if exists(&own) => Some(read_key(&own)?),
        None => None,
    };
    let message = match known {
        Some(key) if key.fingerprint() == manifest.listener_key => return Ok(()),
        Some(_) => "this is not the listener key that the tables were made with".to_owned(),
        None => format!("the listener key {} is gone", own.display()),
    };
    Err(NightlyError::NotNow {
        message: format!(
            "{message}; put the right one back from a backup, or name its file with --listener-key-file; to \
             hash all listeners again with another key: --rekey"
        ),
    })
}

/// The key that the tables were made with; a backfill makes none.
pub(crate) fn key_of(
    options: &NightlyOptions,
    places: &WarehouseLayout,
    previous: &Manifest,
) -> Result<ListenerKey, NightlyError> {
    if previous.snapshot == 0 {
        return Err(WarehouseError::Empty { path: places.root().to_owned() }.into());
    }
    let own_key = KeySource::File(places.own_key());
    Ok(options.listener_key.as_ref().unwrap_or(&own_key).key()?)
}
