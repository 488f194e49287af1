//! What the benches share: a generated day of Spotify's raw streams, and what reading it takes.

#![expect(clippy::expect_used, reason = "a bench has nobody to hand an error to")]

pub mod layouts;
pub mod pages;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use chrono::NaiveDate;
use flate2::Compression;
use flate2::write::GzEncoder;
use streamledger_core::filter::policy::Policy;
use streamledger_core::ingest::table::format::TableFormat;
use streamledger_core::ingest::table::head::{BoundFormat, HeadMatch, match_head};
use streamledger_core::model::day::Day as Date;
use streamledger_core::model::listener::ListenerKey;
use streamledger_core::model::play::ReportPlays;
use streamledger_core::model::territory::TerritoryTable;
use streamledger_core::normalize::store::StoreSettings;
use streamledger_core::normalize::table::plays::context::PlaysContext;
use streamledger_core::normalize::table::reader::{TableContext, TableReader};
use streamledger_generate::{GeneratedWorld, GeneratorSettings};
use streamledger_pipeline::intake::config::PipelineSettings;

/// Bytes of a block.
pub const BLOCK_BYTES: usize = 256 << 10;

/// A report's rows as text, and the settings to read and judge them with.
#[derive(Debug)]
pub struct Day {
    /// Counted date.
    pub date: Date,
    /// The rows, without the header.
    pub text: Vec<u8>,
    /// Spotify's settings.
    pub store: StoreSettings,
    /// The default policy.
    pub policy: Policy,
    format: TableFormat,
    bound: BoundFormat,
    territories: TerritoryTable,
}

impl Day {
    /// A day of so many plays.
    ///
    /// # Panics
    /// If the project's own settings cannot be read.
    #[must_use]
    pub fn generate(plays: u64) -> Self {
        let first_day = NaiveDate::from_ymd_opt(2026, 9, 1).expect("a date");
        let world = GeneratedWorld::new(&GeneratorSettings { plays, days: 1, seed: 7, first_day });
        let mut text = Vec::new();
        world.write_day(0, &mut text).expect("memory takes it");
        let header_end = text.iter().position(|byte| *byte == b'\n').expect("a header") + 1;
        let pipeline = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipelines/nightly.toml");
        let settings = PipelineSettings::load(&pipeline).expect("the project's own settings");
        let format = settings.formats["spotify-streams"].clone();
        let HeadMatch::Yes(bound) = match_head(&format, &text[..header_end], "streams.tsv") else {
            unreachable!("the generator writes the format");
        };
        text.drain(..header_end);
        Self {
            date: Date(first_day.to_epoch_days()),
            text,
            store: settings.stores["spotify"].clone(),
            policy: settings.policy,
            format,
            bound: *bound,
            territories: TerritoryTable::new(&BTreeMap::new()).expect("no aliases"),
        }
    }

    /// The rows in blocks of whole lines, of the size that a run uses.
    pub fn blocks(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.text.as_slice();
        std::iter::from_fn(move || {
            let block = &rest[..rest.len().min(BLOCK_BYTES)];
            let end = block.iter().rposition(|byte| *byte == b'\n').map(|feed| feed + 1)?;
            let (block, more) = rest.split_at(end);
            rest = more;
            Some(block)
        })
    }

    /// The rows as gzip.
    ///
    /// # Panics
    /// If the memory does not take it.
    #[must_use]
    pub fn gzip(&self) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
        encoder.write_all(&self.text).expect("memory takes it");
        encoder.finish().expect("memory takes it")
    }

    /// Reads the rows.
    ///
    /// # Panics
    /// If a row of the generator cannot be read.
    #[must_use]
    pub fn read(&self) -> Vec<ReportPlays> {
        let key = ListenerKey::new([1; 32]);
        let context = PlaysContext {
            store: &self.store,
            territories: &self.territories,
            key: &key,
            wanted: None,
        };
        let context = TableContext::Plays(context);
        let mut reader = TableReader::new(&self.format, self.bound.clone(), context);
        self.blocks().for_each(|block| reader.read_block(block));
        let pieces = reader.take_pieces().into_values().collect();
        assert_eq!(reader.finish().counts.quarantined, 0, "the generator's rows are good");
        pieces
    }
}
