//! Where the time of a run goes: seconds of work by stage, summed over threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use streamledger_core::numbers::exact;

/// A clock that many threads add to.
#[derive(Debug, Default)]
pub struct Stopwatch(AtomicU64);

impl Stopwatch {
    /// Adds what was measured.
    pub fn add(&self, elapsed: Duration) {
        self.0.fetch_add(exact::<u64>(elapsed.as_nanos()), Ordering::Relaxed);
    }

    /// Runs and measures.
    pub fn time<T>(&self, run: impl FnOnce() -> T) -> T {
        let start = std::time::Instant::now();
        let result = run();
        self.add(start.elapsed());
        result
    }

    /// The sum so far.
    #[must_use]
    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// The stages of the play path. `inflate` includes `read`, `encode` of parallel pages counts the
/// thread that waits for them.
#[derive(Debug, Default)]
pub struct StageTimes {
    /// Waiting for the disk.
    pub read: Stopwatch,
    /// Unpacking, reading included.
    pub inflate: Stopwatch,
    /// BLAKE3 of the unpacked bytes.
    pub hash: Stopwatch,
    /// Lines to plays.
    pub parse: Stopwatch,
    /// Joining the plays of a date.
    pub join: Stopwatch,
    /// The rules.
    pub judge: Stopwatch,
    /// Sorting by track.
    pub sort: Stopwatch,
    /// Sums of `trends_daily`.
    pub aggregate: Stopwatch,
    /// Parquet columns.
    pub encode: Stopwatch,
    /// Writing and syncing files.
    pub write: Stopwatch,
}

impl StageTimes {
    /// Names and sums, in the order of the path.
    #[must_use]
    pub fn totals(&self) -> [(&'static str, Duration); 10] {
        [
            ("read", self.read.total()),
            ("inflate", self.inflate.total().saturating_sub(self.read.total())),
            ("hash", self.hash.total()),
            ("parse", self.parse.total()),
            ("join", self.join.total()),
            ("judge", self.judge.total()),
            ("sort", self.sort.total()),
            ("aggregate", self.aggregate.total()),
            ("encode", self.encode.total()),
            ("write", self.write.total()),
        ]
    }
}
