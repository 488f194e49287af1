//! The JSON Schemas beside the settings say what the code reads. `INSTA_UPDATE=always` or
//! `STREAMLEDGER_BLESS=1` writes them anew.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is wrong")]

use std::path::Path;

use schemars::{JsonSchema, schema_for};
use streamledger_core::filter::policy::Policy;
use streamledger_core::ingest::table::format::TableFormat;
use streamledger_core::normalize::store::StoreSettings;
use streamledger_warehouse::config::{PipelineFile, Settings};

fn check<T: JsonSchema>(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines/schema").join(name);
    let schema = serde_json::to_string_pretty(&schema_for!(T)).unwrap() + "\n";
    let is_bless = std::env::var("INSTA_UPDATE").is_ok_and(|value| value == "always");
    if is_bless || std::env::var_os("STREAMLEDGER_BLESS").is_some() {
        std::fs::write(&path, &schema).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, schema, "{} is stale: run `just bless`", path.display());
}

#[test]
fn the_schemas_of_the_settings_are_up_to_date() {
    check::<PipelineFile>("pipeline.json");
    check::<StoreSettings>("store.json");
    check::<TableFormat>("format.json");
    check::<Policy>("policy.json");
}

#[test]
fn the_projects_own_settings_load() {
    let pipeline = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines/nightly.toml");
    let settings = Settings::load(&pipeline).unwrap();
    // A format of one store is of no use without the store's settings.
    for format in settings.formats.values().filter(|format| format.store != "*") {
        assert!(settings.stores.contains_key(&format.store), "{}", format.format);
    }
    assert_eq!(settings.policy.name, "default");
}
