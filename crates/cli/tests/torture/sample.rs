//! How much is tried: all of it, or a sample that a seed decides.

use std::io::Write as _;
use std::ops::Range;
use std::sync::OnceLock;

/// The number that a variable of the environment holds.
fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Whether everything is to be tried.
pub(crate) fn is_full() -> bool {
    std::env::var("STREAMLEDGER_TORTURE").is_ok_and(|value| value == "full")
}

/// How many random histories or power cuts are tried: what `STREAMLEDGER_HISTORIES` says, else so many of a sample or of
/// the full run.
pub(crate) fn n_histories(sample: u64, full: u64) -> u64 {
    let usual = if is_full() { full } else { sample };
    number_from("STREAMLEDGER_HISTORIES").map_or(usual, |n| n)
}

/// What decides the sample: printed before it is used for the first time, so that a failure, a hang or a
/// crash of the machine can be tried again. Written past the harness, which keeps what tests print.
pub(crate) fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| {
        let seed = number_from("STREAMLEDGER_TORTURE_SEED").unwrap_or(20_260_901);
        let line = format!("STREAMLEDGER_TORTURE_SEED={seed}\n");
        let _nobody_reads = std::io::stderr().lock().write_all(line.as_bytes());
        seed
    })
}

/// Every number from 1 in the full run, else about one in `one_in` of them, from a place that the seed
/// decides.
pub(crate) fn numbers(one_in: u64) -> impl Iterator<Item = u64> {
    let step = if is_full() { 1 } else { one_in };
    let first = 1 + seed() % step;
    (0..).map(move |n| first + n * step)
}

/// splitmix64: each number follows from the last.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(of: u64) -> Self {
        Self(seed() ^ of)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }

    /// A number of a range that is not empty.
    pub(crate) fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }
}

/// Prints a line of the table of figures.
pub(crate) fn figure(test: &str, what: &str) {
    let line = format!("figure | {test} | {what} | seed {} |\n", seed());
    let _nobody_reads = std::io::stdout().lock().write_all(line.as_bytes());
}

/// Says something that must not be overlooked, past the harness, which keeps what tests print.
pub(crate) fn warn(what: &str) {
    let line = format!("\nWARNING: {what}\n\n");
    let _nobody_reads = std::io::stderr().lock().write_all(line.as_bytes());
}
