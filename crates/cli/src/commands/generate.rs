//! `streamledger generate`: a realistic inbox from a seed.

use std::io::{self, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use rayon::prelude::*;
use streamledger_generate::year::{GeneratedYear, YearSettings};
use streamledger_generate::{GeneratedWorld, GeneratorSettings};
use streamledger_storage::disk::durable::{create_unsynced, make_folder};
use streamledger_storage::disk::reading::exists;

use crate::arguments::CommonOptions;
use crate::commands::nightly;
use crate::exit;
use crate::generate_options::GenerateCommand;
use crate::print::output::{grouped, print};

/// Writes the inbox, and the truth beside it.
pub(crate) fn run(common: &CommonOptions, command: &GenerateCommand) -> anyhow::Result<u8> {
    nightly::start_threads(common)?;
    let truth = command.out.join("truth.tsv");
    if exists(&command.out.join("inbox")) || exists(&truth) {
        bail!(
            "{} already holds an inbox or a truth file; give another --out",
            command.out.display()
        );
    }
    match command.year {
        Some(year) => write_year(command, year, &truth),
        None => write_days(command, &truth),
    }?;
    Ok(exit::DONE)
}

/// Writes one store's reports of plays, a day each, in parallel.
fn write_days(command: &GenerateCommand, truth: &Path) -> anyhow::Result<()> {
    let GenerateCommand { plays, days, seed, first_day, .. } = *command;
    let folder = command.out.join("inbox/spotify");
    make_folder(&folder)?;
    let world = GeneratedWorld::new(&GeneratorSettings { plays, days, seed, first_day });
    let dates: Vec<_> = (0_u32..).zip(world.days()).collect();
    let rows: Vec<u64> = dates
        .into_par_iter()
        .with_max_len(1)
        .map(|(index, date)| {
            let path = folder.join(format!("{}/streams_{date}.tsv.gz", date.format("%Y-%m")));
            write_report(&world, index, &path)
        })
        .collect::<anyhow::Result<_>>()?;
    write_truth(truth, |file| world.write_truth(file))?;
    let n_rows = rows.iter().sum::<u64>();
    print(&format!(
        "{} plays in {} reports: {}\nwho the listeners are: {}\n",
        grouped(n_rows.into()),
        rows.len(),
        command.out.join("inbox").display(),
        truth.display(),
    ))?;
    Ok(())
}

/// Writes the reports of a year, months of stores in parallel.
fn write_year(command: &GenerateCommand, year: i32, truth: &Path) -> anyhow::Result<()> {
    let GenerateCommand { plays_per_day, seed, .. } = *command;
    let inbox = command.out.join("inbox");
    let world = GeneratedYear::new(&YearSettings { plays_per_day, seed, year, months: 12 });
    let mut sink = |path: &Path, bytes: &[u8]| write_file(&inbox.join(path), bytes);
    let months: Vec<_> = world.store_months().collect();
    let sums: Vec<_> = months
        .into_par_iter()
        .with_max_len(1)
        .map(|month| {
            let mut sink = |path: &Path, bytes: &[u8]| write_file(&inbox.join(path), bytes);
            Ok((month, world.write_days(month, &mut sink)?))
        })
        .collect::<io::Result<_>>()
        .context("cannot write a report")?;
    let counts = world.write_rest(sums, &mut sink).context("cannot write a report")?;
    write_truth(truth, |file| world.write_truth(file))?;
    let last_day = world.last_day().map_or_else(String::new, |date| date.to_string());
    print(&format!(
        "{} plays and {} bad rows in {} reports, as of {last_day}: {}\nwho the listeners are: {}\n",
        grouped(counts.plays.into()),
        grouped(counts.bad_rows.into()),
        grouped(counts.reports.into()),
        inbox.display(),
        truth.display(),
    ))?;
    Ok(())
}

fn write_truth(
    path: &Path,
    write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
) -> anyhow::Result<()> {
    let mut text = Vec::new();
    write(&mut text).context("cannot write the truth file")?;
    let mut file = create_unsynced(path)?;
    file.write_all(&text).and_then(|()| file.flush()).context("cannot write the truth file")
}

/// Writes a report, packed if its name says so.
fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        make_folder(folder).map_err(io::Error::other)?;
    }
    let mut file = create_unsynced(path).map_err(io::Error::other)?;
    if path.extension().is_none_or(|ending| ending != "gz") {
        return file.write_all(bytes).and_then(|()| file.flush());
    }
    let mut packed = GzEncoder::new(file, Compression::new(6));
    packed.write_all(bytes)?;
    packed.finish()?.flush()
}

fn write_report(world: &GeneratedWorld, index: u32, path: &Path) -> anyhow::Result<u64> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    let file = create_unsynced(path)?;
    let mut packed = GzEncoder::new(file, Compression::new(6));
    let rows = world.write_day(index, &mut packed).context("cannot write a report")?;
    packed.finish().and_then(|mut file| file.flush()).context("cannot write a report")?;
    Ok(rows)
}
