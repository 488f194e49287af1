//! Settings: a pipeline file and the store and policy files that it names, read and checked as a whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use streamledger_core::explain::calendar::Calendar;
use streamledger_core::explain::eligibility::EligibilityRule;
use streamledger_core::filter::policy::Policy;
use streamledger_core::ingest::table::format::{FormatField, TableFormat};
use streamledger_core::model::territory::TerritoryTable;
use streamledger_core::normalize::store::{StoreSettings, TierTable};
use streamledger_storage::disk::durable::DiskError;
use streamledger_storage::disk::reading::{is_folder, list_folder, read_text};
use streamledger_storage::source::ignored::IgnoredNames;

/// Changes when the code reads or judges the same input differently, so that what an older version
/// wrote is made again.
const CODE_VERSION: u32 = 7;

/// A pipeline file, as written. Paths are relative to it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PipelineFile {
    /// The policy file.
    pub policy: PathBuf,
    /// The store files; of a folder, all files in it that end in `.toml`.
    pub stores: Vec<PathBuf>,
    /// The files of plain-table formats; of a folder, all files in it that end in `.toml`.
    pub formats: Vec<PathBuf>,
    /// The file that says when reports are due.
    pub calendar: PathBuf,
    /// How the inbox is looked through.
    pub inbox: InboxSection,
    /// Spellings of territories that are not ISO 3166-1 alpha-2, and the codes that they stand for.
    pub territory_aliases: BTreeMap<String, String>,
}

/// How the inbox is looked through.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InboxSection {
    /// Patterns of names, of files or folders, that are not reports (yet); with `/`, of whole paths.
    pub ignore: Vec<String>,
}

/// A pipeline file whose unknown keys are passed over, to go on looking for errors.
struct LenientPipelineFile(PipelineFile);

impl<'de> Deserialize<'de> for LenientPipelineFile {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct InboxSettings {
            ignore: Vec<String>,
        }
        #[derive(Deserialize)]
        struct SettingsFile {
            policy: PathBuf,
            stores: Vec<PathBuf>,
            formats: Vec<PathBuf>,
            calendar: PathBuf,
            inbox: InboxSettings,
            territory_aliases: BTreeMap<String, String>,
        }
        let SettingsFile { policy, stores, formats, calendar, inbox, territory_aliases } =
            SettingsFile::deserialize(deserializer)?;
        let inbox = InboxSection { ignore: inbox.ignore };
        Ok(Self(PipelineFile { policy, stores, formats, calendar, inbox, territory_aliases }))
    }
}

/// All that a run needs to know, checked.
#[derive(Debug, Clone)]
pub struct PipelineSettings {
    /// The numbers of the filter rules.
    pub policy: Policy,
    /// Stores by name.
    pub stores: BTreeMap<String, StoreSettings>,
    /// Formats of the plain-table kind by name.
    pub formats: BTreeMap<String, TableFormat>,
    /// When reports are due.
    pub calendar: Calendar,
    /// Territory codes and aliases.
    pub territories: TerritoryTable,
    /// File names that are not reports.
    pub ignore: IgnoredNames,
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

impl PipelineSettings {
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
        let stores = load_stores(folder, &file.stores, &mut errors);
        let formats = load_formats(folder, &file.formats, &mut errors);
        let calendar = load_calendar(&folder.join(&file.calendar), &mut errors);
        let territories = TerritoryTable::new(&file.territory_aliases)
            .map_err(|aliases| errors.extend(aliases.iter().map(|alias| wrong(pipeline, alias))))
            .ok();
        let ignore =
            IgnoredNames::new(&file.inbox.ignore).map_err(|e| errors.push(wrong(pipeline, e))).ok();
        match (policy, territories, ignore, errors.is_empty()) {
            (Some(policy), Some(territories), Some(ignore), true) => Ok(Self {
                policy,
                stores,
                formats,
                calendar,
                territories,
                ignore,
                aliases: file.territory_aliases,
            }),
            _ => Err(errors),
        }
    }

    /// Names what reading a store's reports depends on: a report that was read under another
    /// fingerprint is read again. `listener_key` is the fingerprint of the key; `format` that of the
    /// report, `None` where it was not detected.
    ///
    /// Which of a store's formats a report is of depends on those of its folder alone, so a format of
    /// another store changes nothing but what is said of reports that no format claims. How a
    /// statement of several stores is read depends on all stores.
    #[must_use]
    pub fn reading_fingerprint(
        &self,
        store: &str,
        listener_key: &str,
        format: Option<&str>,
    ) -> String {
        let formats: Vec<&TableFormat> = self
            .formats
            .values()
            .filter(|known| format.is_none() || [store, "*"].contains(&known.store.as_str()))
            .collect();
        let table = format.and_then(|format| self.formats.get(format));
        let names_shops = table.is_some_and(|table| table.fields.contains_key(&FormatField::Shop));
        let as_read = |store: &StoreSettings| ReadAs {
            store: store.store.clone(),
            shops: store.shops.clone(),
            bad_rows_max_basis_points: store.bad_rows_max_basis_points,
            tier: store.tier.clone(),
        };
        let stores = if names_shops {
            json(&self.stores.values().map(as_read).collect::<Vec<_>>())
        } else {
            json(&self.stores.get(store).map(as_read))
        };
        let (formats, aliases) = (json(&formats), json(&self.aliases));
        let parts = format!("{CODE_VERSION}\n{stores}\n{formats}\n{aliases}\n{listener_key}");
        blake3::hash(parts.as_bytes()).to_hex()[..32].to_owned()
    }
}

/// What of a store file says how its reports are read. What a play is worth, what a store pays for and
/// when its day ends does not.
#[derive(Serialize)]
struct ReadAs {
    store: String,
    shops: Vec<String>,
    bad_rows_max_basis_points: u32,
    tier: TierTable,
}

/// Reads a policy file.
///
/// # Errors
/// All that is wrong with it.
pub fn load_policy(path: &Path) -> Result<Policy, Vec<ConfigError>> {
    let policy = read::<Policy>(path).map_err(|error| vec![error])?;
    let errors: Vec<ConfigError> =
        check_policy(&policy).into_iter().map(|message| wrong(path, message)).collect();
    if errors.is_empty() { Ok(policy) } else { Err(errors) }
}

/// The calendar; nothing is in it if it cannot be read.
fn load_calendar(path: &Path, errors: &mut Vec<ConfigError>) -> Calendar {
    let calendar = read::<Calendar>(path).map_err(|error| errors.push(error)).unwrap_or_default();
    errors.extend(calendar.check().iter().map(|message| wrong(path, message)));
    calendar
}

/// The store files, by the names that they give.
fn load_stores(
    folder: &Path,
    paths: &[PathBuf],
    errors: &mut Vec<ConfigError>,
) -> BTreeMap<String, StoreSettings> {
    let mut stores: BTreeMap<String, StoreSettings> = BTreeMap::new();
    for path in toml_files(folder, paths, errors) {
        match read::<StoreSettings>(&path) {
            Ok(store) => {
                errors.extend(check_store(&store).map(|message| wrong(&path, message)));
                let shops = stores.values().flat_map(|other| &other.shops);
                let twice: Vec<&String> = shops
                    .filter(|shop| store.shops.iter().any(|name| name.eq_ignore_ascii_case(shop)))
                    .collect();
                errors.extend(twice.iter().map(|shop| {
                    wrong(&path, format!("another store file has the shop `{shop}` too"))
                }));
                if stores.insert(store.store.clone(), store).is_some() {
                    errors.push(wrong(&path, "another store file has the same `store`"));
                }
            }
            Err(error) => errors.push(error),
        }
    }
    stores
}

/// The format files, by the names that they give.
fn load_formats(
    folder: &Path,
    paths: &[PathBuf],
    errors: &mut Vec<ConfigError>,
) -> BTreeMap<String, TableFormat> {
    let mut formats = BTreeMap::new();
    for path in toml_files(folder, paths, errors) {
        match read::<TableFormat>(&path) {
            Ok(format) => {
                errors.extend(format.check().into_iter().map(|message| wrong(&path, message)));
                if path.file_stem().is_none_or(|stem| stem != format.format.as_str()) {
                    errors.push(wrong(&path, "`format` must be the file's name without `.toml`"));
                }
                formats.insert(format.format.clone(), format);
            }
            Err(error) => errors.push(error),
        }
    }
    formats
}

/// The files, and all that end in `.toml` of those that are folders, in order of their names.
fn toml_files(folder: &Path, paths: &[PathBuf], errors: &mut Vec<ConfigError>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in paths {
        let path = folder.join(path);
        if !is_folder(&path) {
            files.push(path);
            continue;
        }
        match list_folder(&path) {
            Ok(inside) => files.extend(
                inside.into_iter().filter(|path| path.extension().is_some_and(|e| e == "toml")),
            ),
            Err(error) => errors.push(unreadable(error)),
        }
    }
    files
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
    if 10_000 < store.share_min_basis_points {
        return Some("`share_min_basis_points` must be at most 10000 (100 %)");
    }
    if 10_000 < store.bad_rows_max_basis_points {
        return Some("`bad_rows_max_basis_points` must be at most 10000 (100 %)");
    }
    let is_rule = |rule: &EligibilityRule| 1 <= rule.plays_min && (1..=24).contains(&rule.months);
    if !store.eligibility.as_ref().is_none_or(is_rule) {
        return Some("`eligibility` needs at least 1 play, in 1 to 24 months");
    }
    if store.clock.rounded_to_s == 0 || 86_400 < store.clock.rounded_to_s {
        return Some("`clock.rounded_to_s` must be 1 to 86400");
    }
    None
}

/// A value of our own as JSON, for a fingerprint.
///
/// # Panics
/// If its type has a map whose keys are no texts: another text in its place would name everything alike.
#[expect(clippy::panic, reason = "a fault of a type, whatever its values are")]
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| panic!("not to be had as JSON: {error}"))
}

fn wrong(path: &Path, message: impl std::fmt::Display) -> ConfigError {
    ConfigError::Wrong { path: path.to_owned(), message: message.to_string() }
}

fn unreadable(DiskError { path, source, .. }: DiskError) -> ConfigError {
    ConfigError::Unreadable { path, source }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let text = read_text(path).map_err(unreadable)?;
    toml::from_str(&text).map_err(|error| wrong(path, error.to_string().trim_end()))
}
