//! Verify: everything that is published is read again and checked against the manifest, the ledger, the
//! archive, and a second engine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use polars::prelude::{
    Column, DataFrame, DataType, IntoLazy as _, LazyFrame, PolarsResult, UnionArgs, concat, lit,
};
use rayon::prelude::*;
use streamledger_core::model::day::Day;
use streamledger_pipeline::nightly::checking::check_manifest;
use streamledger_pipeline::nightly::error::NightlyError;
use streamledger_pipeline::plans::recompute::{
    differing_groups, recompute_trends, with_listened_day,
};
use streamledger_storage::disk::durable::DiskError;
use streamledger_storage::disk::file_hash::hash_as_is;
use streamledger_storage::encode::file::SCHEMA_VERSION;
use streamledger_storage::layout::error::WarehouseError;
use streamledger_storage::layout::ledger::{Manifest, ReportEntry, ReportState, inputs_hash};
use streamledger_storage::layout::manifest::read_manifest;
use streamledger_storage::layout::partition_key::{
    PartitionKey, hive_escaped, month_path, path_in,
};
use streamledger_storage::layout::warehouse::KeySource;
use streamledger_storage::layout::warehouse_layout::WarehouseLayout;
use streamledger_storage::tables::scan::{collect, read_footer, scan};

use crate::verification::{RereadOutcome, Verification, shown, verify_no_others};
use crate::verify_internal::{verify_archive, verify_key, verify_notes, verify_offline};
use crate::verify_sales::verify_sales;
use crate::verify_waterfall::verify_waterfalls;

/// Reads the current snapshot again.
///
/// # Errors
/// [`NightlyError`] if there is none or its manifest cannot be read; all else is a difference that is
/// returned.
pub fn verify_warehouse(
    root: &Path,
    key: Option<&KeySource>,
) -> Result<Verification, NightlyError> {
    let places = WarehouseLayout::new(root);
    let Some(snapshot) = places.current()? else {
        return Err(WarehouseError::Empty { path: root.to_owned() }.into());
    };
    let mut found = Verification { snapshot, ..Verification::default() };
    let manifest = match read_manifest(&places.snapshot(snapshot)) {
        Ok(manifest) => manifest,
        Err(WarehouseError::Damaged { path, message }) => {
            found.differs(path.display().to_string(), message);
            return Ok(found);
        }
        Err(error) => return Err(error.into()),
    };
    let months =
        manifest.partitions.keys().filter_map(|path| PartitionKey::parse(path)?.month_text());
    found.newest_month = months.max().map(str::to_owned);
    // A swap may come in between: all is read from the one snapshot, its manifest as well.
    let tables = places.snapshot(snapshot).join("tables");
    if let Err(error) = check_manifest(&manifest) {
        found.differs("manifest.json", error.to_string());
    }
    verify_files(&tables, &manifest, &mut found)?;
    verify_offline(&places.snapshot(snapshot), &manifest, &mut found)?;
    verify_notes(&places, &manifest, &mut found);
    verify_key(&places, &manifest, key, &mut found);
    if found.is_whole() {
        verify_quarantine(&tables, &manifest, &mut found);
        verify_trends(&tables, &manifest, &mut found);
        let sales = verify_sales(&tables, &manifest);
        for (subject, message) in sales.into_iter().chain(verify_waterfalls(&tables, &manifest)) {
            found.differs(subject, message);
        }
    }
    verify_archive(&places, &manifest, &mut found);
    Ok(found)
}

/// Checksums, row counts, footers; and no file more or less than the manifest has.
fn verify_files(
    tables: &Path,
    manifest: &Manifest,
    found: &mut Verification,
) -> Result<(), DiskError> {
    let mut expected = BTreeMap::new();
    for (partition, entry) in manifest.all_partitions() {
        for file in &entry.files {
            expected.insert(tables.join(partition).join(&file.name), file);
        }
    }
    verify_no_others(tables, &expected, found)?;
    let reread: Vec<(String, Option<RereadOutcome>)> = expected
        .par_iter()
        .map(|(path, file)| {
            let reread = match hash_as_is(path).map(hex::encode) {
                Err(error) => Some(RereadOutcome::Failed(error)),
                Ok(sum) if sum != file.blake3 => Some(RereadOutcome::Differs(format!(
                    "BLAKE3 is {sum}, was published as {}",
                    file.blake3
                ))),
                Ok(_) => {
                    let policy = policy_of(manifest, &shown(tables, path));
                    footer_message(path, file.rows, policy).map(RereadOutcome::Differs)
                }
            };
            (shown(tables, path), reread)
        })
        .collect();
    for (subject, reread) in reread {
        match reread {
            None => {}
            Some(RereadOutcome::Differs(message)) => found.differs(subject, message),
            Some(RereadOutcome::Failed(error)) => found.failed(subject, &error),
        }
    }
    found.n_files = expected.len() as u64;
    found.n_rows = expected.values().map(|file| file.rows).sum();
    found.n_bytes = expected.values().map(|file| file.size_bytes).sum();
    Ok(())
}

/// Hash of the policy that the footer of a file names: none where nothing is in the table.
fn policy_of<'m>(manifest: &'m Manifest, file: &str) -> &'m str {
    let partition = file.rsplit_once('/').map_or(file, |(partition, _)| partition);
    if manifest.empty_tables.contains_key(partition) {
        return "";
    }
    manifest.settings.policy_hash_of_path(file)
}

fn footer_message(path: &Path, rows: u64, published: &str) -> Option<String> {
    let footer = match read_footer(path) {
        Ok(footer) => footer,
        Err(error) => return Some(format!("cannot be read as Parquet: {error}")),
    };
    let (found, entries) = (footer.num_rows(), footer.key_value_metadata());
    if u64::try_from(found).ok() != Some(rows) {
        return Some(format!("the footer has {found} rows, {rows} were published"));
    }
    let value = |key: &str| {
        let entry = entries.into_iter().flatten().find(|entry| entry.key == key);
        entry.and_then(|entry| entry.value.as_deref()).unwrap_or_default()
    };
    let version = value("streamledger.schema_version");
    if version != SCHEMA_VERSION {
        return Some(format!("is of schema version {version}, the tables are of {SCHEMA_VERSION}"));
    }
    let policy = value("streamledger.policy");
    (policy != published)
        .then(|| format!("was judged under policy {policy}, published under {published}"))
}

/// Every bad row of an active report is in `quarantine`, and what feeds a file is what it says.
fn verify_quarantine(tables: &Path, manifest: &Manifest, found: &mut Verification) {
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    for report in manifest.reports.values() {
        let n_bad = report.counts.map_or(0, |counts| counts.quarantined);
        let rows = match report.state {
            ReportState::Active | ReportState::Waiting => n_bad,
            ReportState::Superseded => 0,
            // One entry for the report, one for each of its first bad rows.
            ReportState::Rejected | ReportState::Unaccepted => {
                1 + n_bad.min(streamledger_pipeline::intake::examine::REJECTED_ROWS_KEPT as u64)
            }
        };
        if rows != 0 {
            *expected.entry(quarantine_path(report)).or_default() += rows;
        }
    }
    for (path, partition) in
        manifest.partitions.iter().filter(|(path, _)| path.starts_with("quarantine/"))
    {
        let rows = expected.remove(path).unwrap_or(0);
        if partition.rows() != rows {
            found.differs(
                path.clone(),
                format!("has {} rows, its reports have {rows}", partition.rows()),
            );
        }
    }
    for (path, rows) in expected {
        found.differs(path, format!("is missing, its reports have {rows} rows"));
    }
    for (path, partition) in
        manifest.partitions.iter().filter(|(path, _)| path.starts_with("plays/"))
    {
        let date = path.rsplit('=').next().unwrap_or_default();
        let store = path.split(['=', '/']).nth(2).unwrap_or_default();
        let feeds = |report: &&ReportEntry| {
            let feeds = report.days.contains_key(date) || report.track_dates.contains(date);
            report.is_active() && report.store == store && feeds
        };
        let hashes = manifest.reports.values().filter(feeds).map(|report| report.hash.as_str());
        let inputs = inputs_hash(hashes);
        for file in &partition.files {
            if stored_inputs(&tables.join(path).join(&file.name)).as_deref()
                != Some(inputs.as_str())
            {
                found.differs(
                    format!("{path}/{}", file.name),
                    "names other reports than the ledger",
                );
            }
        }
    }
}

fn quarantine_path(report: &ReportEntry) -> String {
    month_path("quarantine", &hive_escaped(&report.store), report.first_month())
}

fn stored_inputs(path: &Path) -> Option<String> {
    let footer = read_footer(path).ok()?;
    footer
        .key_value_metadata()?
        .iter()
        .find(|entry| entry.key == "streamledger.inputs")?
        .value
        .clone()
}

/// `trends_daily` must be what Polars sums up from `plays`, group by group.
fn verify_trends(tables: &Path, manifest: &Manifest, found: &mut Verification) {
    for (path, partition) in
        manifest.partitions.iter().filter(|(path, _)| path.starts_with("trends_daily/"))
    {
        let month = path_in("plays", path);
        let dates: Vec<(PathBuf, Day)> = manifest
            .partitions
            .iter()
            .filter(|(date, _)| date.starts_with(&format!("{month}/")))
            .flat_map(|(date, entry)| entry.files.iter().map(move |file| (date, file)))
            .filter_map(|(date, file)| {
                Some((tables.join(date).join(&file.name), PartitionKey::parse(date)?.day()?))
            })
            .collect();
        let files: Vec<PathBuf> =
            partition.files.iter().map(|file| tables.join(path).join(&file.name)).collect();
        match count_differing(&dates, &files) {
            Ok(0) => {}
            Ok(n_groups) => found.differs(
                path.clone(),
                format!("{n_groups} groups differ from what Polars sums up from plays"),
            ),
            Err(error) => {
                found.differs(path.clone(), format!("cannot be summed up again: {error}"))
            }
        }
    }
}

fn count_differing(dates: &[(PathBuf, Day)], files: &[PathBuf]) -> PolarsResult<usize> {
    let plays = dates
        .iter()
        .map(|(path, day)| {
            let date = lit(day.0).cast(DataType::Date).alias("date");
            Ok(scan(path)?.with_column(date))
        })
        .collect::<PolarsResult<Vec<LazyFrame>>>()?;
    let plays = concat(plays, UnionArgs::default())?;
    let days = collect(
        with_listened_day(plays.clone())
            .select([polars::prelude::col("listened_day")])
            .unique(None, polars::prelude::UniqueKeepStrategy::Any),
    )?;
    let trends = files.iter().map(|path| scan(path)).collect::<PolarsResult<Vec<LazyFrame>>>()?;
    let trends = concat(trends, UnionArgs::default())?;
    let recomputed = recompute_trends(plays, months_of(&days)?.lazy());
    Ok(collect(differing_groups(recomputed, trends)?)?.height())
}

fn months_of(days: &DataFrame) -> PolarsResult<DataFrame> {
    let days: Vec<i64> = days.column("listened_day")?.i64()?.into_no_null_iter().collect();
    let months: Vec<String> = days
        .iter()
        .map(|day| Day(i32::try_from(*day).unwrap_or_default()).month().to_string())
        .collect();
    let height = days.len();
    let columns = vec![
        Column::new("listened_day".into(), days),
        Column::new("listened_month".into(), months),
    ];
    DataFrame::new(height, columns)
}
