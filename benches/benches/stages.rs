//! Each stage of the play path by itself, in three sizes, on the generator's plays.
//!
//! `cargo bench --workspace --bench stages`

#![expect(clippy::expect_used, reason = "a bench has nobody to hand an error to")]

use std::collections::BTreeMap;
use std::sync::OnceLock;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use streamledger_benches::{BLOCK_BYTES, Day};
use streamledger_core::aggregate::track_order::order_by_track;
use streamledger_core::aggregate::trends_daily::sum_trends;
use streamledger_core::filter::order::judge_plays;
use streamledger_core::model::play::Plays;
use streamledger_core::normalize::join::join_pieces;
use streamledger_inflate::WINDOW_BYTES;
use streamledger_inflate::gzip::GunzipReader;
use streamledger_lines::{LineCutter, LineLayout};
use streamledger_storage::encode::file::TableLayout;
use streamledger_storage::encode::plays::{SCHEMA, SORTED_BY, encode_plays};

const SIZES: [u64; 3] = [10_000, 100_000, 1_000_000];

#[global_allocator]
static ALLOCATOR: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    divan::main();
}

/// A generated day of each size, made once.
fn day(plays: u64) -> &'static Day {
    static DAYS: OnceLock<BTreeMap<u64, Day>> = OnceLock::new();
    &DAYS.get_or_init(|| SIZES.map(|plays| (plays, Day::generate(plays))).into())[&plays]
}

/// gzip to bytes and their BLAKE3, piece by piece.
#[divan::bench(args = SIZES)]
fn inflate(bencher: Bencher<'_, '_>, plays: u64) {
    let day = day(plays);
    let packed = day.gzip();
    let mut buffer = vec![0; WINDOW_BYTES + BLOCK_BYTES];
    bencher.counter(BytesCount::of_slice(&day.text)).bench_local(|| {
        let mut reader = GunzipReader::new(black_box(packed.as_slice()));
        let (mut end, mut hash) = (0, blake3::Hasher::new());
        loop {
            let before = end;
            reader.read_into(&mut buffer, &mut end).expect("it is gzip");
            hash.update(&buffer[before..end]);
            if end < buffer.len() {
                break hash.finalize();
            }
            buffer.copy_within(end - WINDOW_BYTES.., 0);
            end = WINDOW_BYTES;
        }
    });
}

/// Bytes to lines and cells.
#[divan::bench(args = SIZES)]
fn split(bencher: Bencher<'_, '_>, plays: u64) {
    let day = day(plays);
    let mut cutter = LineCutter::new(LineLayout::tabs(31));
    bencher.counter(BytesCount::of_slice(&day.text)).bench_local(|| {
        for block in day.blocks() {
            cutter.cut(black_box(block), |lines| {
                black_box(&lines);
            });
        }
    });
}

/// Bytes to plays: split, read, intern.
#[divan::bench(args = SIZES)]
fn parse(bencher: Bencher<'_, '_>, plays: u64) {
    let day = day(plays);
    bencher.counter(BytesCount::of_slice(&day.text)).bench(|| day.read());
}

/// Plays of a date under one set of ids, each listener once.
#[divan::bench(args = SIZES)]
fn join(bencher: Bencher<'_, '_>, plays: u64) {
    let day = day(plays);
    bencher
        .counter(ItemsCount::new(plays))
        .with_inputs(|| day.read())
        .bench_values(|pieces| join_pieces(black_box(pieces)));
}

/// The rules.
#[divan::bench(args = SIZES)]
fn judge(bencher: Bencher<'_, '_>, plays: u64) {
    let day = day(plays);
    let joined = join_pieces(day.read());
    bencher.counter(ItemsCount::new(plays)).with_inputs(|| joined.clone()).bench_refs(|plays| {
        judge_plays(plays, day.date, &day.store, &day.policy, &[]);
    });
}

/// Sorting by track.
#[divan::bench(args = SIZES)]
fn sort(bencher: Bencher<'_, '_>, plays: u64) {
    let judged = judged(day(plays));
    bencher.counter(ItemsCount::new(plays)).bench(|| order_by_track(black_box(&judged)));
}

/// Sums of `trends_daily`.
#[divan::bench(args = SIZES)]
fn aggregate(bencher: Bencher<'_, '_>, plays: u64) {
    let day = day(plays);
    let judged = judged(day);
    let order = order_by_track(&judged);
    bencher
        .counter(ItemsCount::new(plays))
        .bench(|| sum_trends(black_box(&judged), &order, &day.policy));
}

/// Plays to compressed Parquet columns.
#[divan::bench(args = SIZES)]
fn encode(bencher: Bencher<'_, '_>, plays: u64) {
    let day = day(plays);
    let judged = judged(day);
    let order = order_by_track(&judged);
    let layout = TableLayout::new(SCHEMA, &SORTED_BY).expect("the schema is one");
    bencher.counter(ItemsCount::new(plays)).bench(|| {
        encode_plays(black_box(&judged), &order, &day.policy, &layout.schema).expect("encodes")
    });
}

fn judged(day: &Day) -> Plays {
    let mut plays = join_pieces(day.read());
    judge_plays(&mut plays, day.date, &day.store, &day.policy, &[]);
    plays
}
