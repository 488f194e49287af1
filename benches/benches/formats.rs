//! Reading reports of many layouts, on one core: text to rows in our words.
//!
//! `cargo bench --workspace --bench formats`

use std::collections::BTreeMap;
use std::sync::Mutex;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use streamledger_benches::layouts::{PLAYS, Report, SALES};

/// Bytes of a report: more than the caches hold.
const N_BYTES: usize = 64 << 20;

fn main() {
    divan::main();
}

fn bench(bencher: Bencher<'_, '_>, format: &'static str) {
    static REPORTS: Mutex<BTreeMap<&str, &Report>> = Mutex::new(BTreeMap::new());
    let Ok(mut reports) = REPORTS.lock() else {
        return;
    };
    let report: &'static Report = reports
        .entry(format)
        .or_insert_with(|| Box::leak(Box::new(Report::generate(format, N_BYTES))));
    let n_rows = report.read();
    assert!(100_000 < n_rows, "{format}: {n_rows} rows were ingested");
    bencher
        .counter(BytesCount::of_slice(&report.text))
        .counter(ItemsCount::new(usize::try_from(n_rows).unwrap_or(usize::MAX)))
        .bench(|| report.read());
}

/// Formats of plays.
#[divan::bench(args = PLAYS, sample_count = 5, sample_size = 1)]
fn plays(bencher: Bencher<'_, '_>, format: &'static str) {
    bench(bencher, format);
}

/// Formats of statements.
#[divan::bench(args = SALES, sample_count = 5, sample_size = 1)]
fn sales(bencher: Bencher<'_, '_>, format: &'static str) {
    bench(bencher, format);
}
