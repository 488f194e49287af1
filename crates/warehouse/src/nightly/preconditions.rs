//! What must hold before a run does anything: the listener key is the one that the tables were made with.

use crate::ledger::Manifest;
use crate::nightly::{NightlyError, NightlyOptions};
use crate::warehouse::{Places, read_key};

/// Whether the listener key is the one that the tables were made with. Another one would make other persons
/// of all listeners, so a key is changed, or made anew, only where that is asked for.
pub(super) fn require_key(
    manifest: &Manifest,
    places: &Places,
    options: &NightlyOptions,
) -> Result<(), NightlyError> {
    if manifest.snapshot == 0 || manifest.listener_key.is_empty() || options.rekey {
        return Ok(());
    }
    let own = places.own_key();
    let known = match &options.listener_key {
        Some(given) => Some(given.key()?),
        None if own.exists() => Some(read_key(&own)?),
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
             hash all listeners anew with another key: --rekey"
        ),
    })
}
