//! `streamledger generate`: a realistic inbox from a seed.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use rayon::prelude::*;
use streamledger_generate::{GeneratedWorld, GeneratorSettings};
use streamledger_storage::disk::durable::{create_unsynced, make_folder};
use streamledger_storage::disk::reading::exists;

use crate::arguments::{CommonOptions, GenerateCommand};
use crate::commands::nightly;
use crate::exit;
use crate::print::output::{grouped, print};

/// Writes the inbox, a report a day in parallel, and the truth beside it.
pub(crate) fn run(common: &CommonOptions, command: &GenerateCommand) -> anyhow::Result<u8> {
    nightly::start_threads(common)?;
    let GenerateCommand { plays, days, seed, first_day, .. } = *command;
    let folder = command.out.join("inbox/spotify");
    let truth = command.out.join("truth.tsv");
    if exists(&command.out.join("inbox")) || exists(&truth) {
        bail!(
            "{} already holds an inbox or a truth file; give another --out",
            command.out.display()
        );
    }
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
    let mut file = create_unsynced(&truth)?;
    world
        .write_truth(&mut file)
        .and_then(|()| file.flush())
        .context("cannot write the truth file")?;
    let n_rows = rows.iter().sum::<u64>();
    print(&format!(
        "{} plays in {} reports: {}\nwho the listeners are: {}\n",
        grouped(n_rows.into()),
        rows.len(),
        command.out.join("inbox").display(),
        truth.display(),
    ))?;
    Ok(exit::DONE)
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
