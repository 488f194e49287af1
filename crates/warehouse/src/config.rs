//! Settings: a pipeline file and the store and policy files that it names, read and checked as a whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use globset::{Glob, GlobSet, GlobSetBuilder};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use streamledger_core::filter::policy::Policy;
use streamledger_core::normalize::store::StoreSettings;
use streamledger_core::vocabulary::territory::Territories;

/// Changes when the code reads or judges the same input differently, so that what an older version
/// wrote is made again.
const CODE_VERSION: u32 = 1;

/// A pipeline file, as written. Paths are relative to it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PipelineFile {
    /// The policy file.
    pub policy: PathBuf,
    /// The store files.
    pub stores: Vec<PathBuf>,
    /// How the inbox is looked through.
    pub inbox: InboxFile,
    /// Spellings of territories that are not ISO 3166-1 alpha-2, and the codes that they stand for.
    pub territory_aliases: BTreeMap<String, String>,
}

/// How the inbox is looked through.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InboxFile {
    /// Patterns of file names that are not reports (yet).
    pub ignore: Vec<String>,
}

/// A pipeline file whose unknown keys are passed over, to go on looking for errors.
struct LenientPipelineFile(PipelineFile);

impl<'de> Deserialize<'de> for LenientPipelineFile {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Inbox {
            ignore: Vec<String>,
        }
        #[derive(Deserialize)]
        struct File {
            policy: PathBuf,
            stores: Vec<PathBuf>,
            inbox: Inbox,
            territory_aliases: BTreeMap<String, String>,
        }
        let File { policy, stores, inbox, territory_aliases } = File::deserialize(deserializer)?;
        let inbox = InboxFile { ignore: inbox.ignore };
        Ok(Self(PipelineFile { policy, stores, inbox, territory_aliases }))
    }
}

/// All that a run needs to know, checked.
#[derive(Debug)]
pub struct Settings {
    /// The numbers of the filter rules.
    pub policy: Policy,
    /// Hash of the policy, hex.
    pub policy_hash: String,
    /// Stores by name.
    pub stores: BTreeMap<String, StoreSettings>,
    /// Territory codes and aliases.
    pub territories: Territories,
    /// File names that are not reports.
    pub ignore: GlobSet,
    aliases: BTreeMap<String, String>,
}

/// Something is wrong with the settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("{}: cannot be read", .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{}: {message}", .path.display())]
    Wrong {
        /// Which file.
        path: PathBuf,
        /// What is wrong, with line and column where they are known.
        message: String,
    },
}

impl Settings {
    /// Reads a pipeline file and all that it names.
    ///
    /// # Errors
    /// All errors at once, so that one correction is enough.
    pub fn load(pipeline: &Path) -> Result<Self, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let file = match read::<PipelineFile>(pipeline) {
            Ok(file) => file,
            Err(error) => {
                errors.push(error);
                // A wrong key does not keep the rest from being looked at.
                match read::<LenientPipelineFile>(pipeline) {
                    Ok(LenientPipelineFile(file)) => file,
                    Err(_) => return Err(errors),
                }
            }
        };
        let folder = pipeline.parent().unwrap_or(Path::new("."));
        let policy_path = folder.join(&file.policy);
        let policy = read::<Policy>(&policy_path).map_err(|e| errors.push(e)).ok();
        errors.extend(
            policy.as_ref().and_then(check_policy).map(|message| wrong(&policy_path, message)),
        );
        let mut stores: BTreeMap<String, StoreSettings> = BTreeMap::new();
        for path in &file.stores {
            let path = folder.join(path);
            match read::<StoreSettings>(&path) {
                Ok(store) => {
                    errors.extend(check_store(&store).map(|message| wrong(&path, message)));
                    if stores.insert(store.store.clone(), store).is_some() {
                        errors.push(wrong(&path, "another store file has the same `store`"));
                    }
                }
                Err(error) => errors.push(error),
            }
        }
        let territories = Territories::new(&file.territory_aliases)
            .map_err(|aliases| errors.extend(aliases.iter().map(|alias| wrong(pipeline, alias))))
            .ok();
        let ignore = globs(&file.inbox.ignore).map_err(|e| errors.push(wrong(pipeline, e))).ok();
        let hash = policy
            .as_ref()
            .and_then(|policy| policy.hash().map_err(|e| errors.push(wrong(pipeline, e))).ok());
        match (policy, territories, ignore, hash, errors.is_empty()) {
            (Some(policy), Some(territories), Some(ignore), Some(policy_hash), true) => Ok(Self {
                policy,
                policy_hash,
                stores,
                territories,
                ignore,
                aliases: file.territory_aliases,
            }),
            _ => Err(errors),
        }
    }

    /// Names what reading a store's reports depends on: a report that was read under another
    /// fingerprint is read again. `listener_key` is the fingerprint of the key.
    #[must_use]
    pub fn reading_fingerprint(&self, store: &str, listener_key: &str) -> String {
        let store = serde_json::to_string(&self.stores.get(store)).unwrap_or_default();
        let aliases = serde_json::to_string(&self.aliases).unwrap_or_default();
        let parts = format!("{CODE_VERSION}\n{store}\n{aliases}\n{listener_key}");
        hex::encode(&Sha256::digest(parts)[..16])
    }
}

/// The ranges that the schema promises.
fn check_policy(policy: &Policy) -> Option<&'static str> {
    let Policy { low_variety, repeater, short_cluster, .. } = policy;
    if [low_variety.plays_min, repeater.plays_min, short_cluster.plays_min].contains(&0) {
        return Some("`plays_min` must be at least 1 in each rule");
    }
    if 10_000 < short_cluster.share_min_basis_points {
        return Some("`short_cluster.share_min_basis_points` must be at most 10000 (100 %)");
    }
    if 100 < short_cluster.complete_min_percent {
        return Some("`short_cluster.complete_min_percent` must be at most 100");
    }
    None
}

fn check_store(store: &StoreSettings) -> Option<&'static str> {
    if !(1..=86_400_000).contains(&store.minimum.played_ms) {
        return Some("`minimum.played_ms` must be 1 to 86400000 (a day)");
    }
    let named = !store.store.is_empty()
        && store.store.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !named {
        return Some("`store` must be lower-case letters, digits and underscores");
    }
    if 10_000 < store.bad_rows_max_basis_points {
        return Some("`bad_rows_max_basis_points` must be at most 10000 (100 %)");
    }
    if store.clock.rounded_to_s == 0 || 86_400 < store.clock.rounded_to_s {
        return Some("`clock.rounded_to_s` must be 1 to 86400");
    }
    None
}

fn globs(patterns: &[String]) -> Result<GlobSet, globset::Error> {
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        builder.add(Glob::new(pattern)?);
    }
    builder.build()
}

fn wrong(path: &Path, message: impl std::fmt::Display) -> ConfigError {
    ConfigError::Wrong { path: path.to_owned(), message: message.to_string() }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    toml::from_str(&text).map_err(|error| wrong(path, error.to_string().trim_end()))
}
