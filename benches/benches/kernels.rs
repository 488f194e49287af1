//! The kernels by themselves, each beside what there is without it, on one core and the same input:
//! `inflate` beside zlib-rs, `lines` beside memchr, `parquet-pages` beside the writer of the `parquet`
//! crate.
//!
//! `RAYON_NUM_THREADS=1 cargo bench --workspace --bench kernels`

use std::sync::OnceLock;

use divan::Bencher;
use divan::counter::BytesCount;
use streamledger_benches::pages::print_sizes;
use streamledger_benches::{BLOCK_BYTES, Day};

fn main() {
    print_sizes();
    divan::main();
}

/// A generated day of Spotify's raw streams, 32 MB of text.
fn day() -> &'static Day {
    static DAY: OnceLock<Day> = OnceLock::new();
    DAY.get_or_init(|| Day::generate(100_000))
}

/// gzip to text.
mod inflate {
    use std::io::Read as _;

    use divan::black_box;
    use streamledger_inflate::WINDOW_BYTES;
    use streamledger_inflate::gzip::GunzipReader;

    use super::{BLOCK_BYTES, Bencher, BytesCount, day};

    #[divan::bench]
    fn kernel(bencher: Bencher<'_, '_>) {
        let packed = day().gzip();
        let mut buffer = vec![0; WINDOW_BYTES + BLOCK_BYTES];
        bencher.counter(BytesCount::of_slice(&day().text)).bench_local(|| {
            let mut reader = GunzipReader::new(black_box(packed.as_slice()));
            let mut end = 0;
            while reader.read_into(&mut buffer, &mut end).is_ok() && end == buffer.len() {
                buffer.copy_within(end - WINDOW_BYTES.., 0);
                end = WINDOW_BYTES;
            }
            black_box(end)
        });
    }

    #[divan::bench]
    fn zlib_rs(bencher: Bencher<'_, '_>) {
        let packed = day().gzip();
        let mut buffer = vec![0; BLOCK_BYTES];
        bencher.counter(BytesCount::of_slice(&day().text)).bench_local(|| {
            let mut reader = flate2::bufread::MultiGzDecoder::new(black_box(packed.as_slice()));
            while reader.read(&mut buffer).is_ok_and(|n_bytes| 0 < n_bytes) {}
            black_box(&buffer).len()
        });
    }
}

/// Text to cells of 31 columns.
mod lines {
    use divan::black_box;
    use streamledger_lines::{BlockLines, LineCutter, LineLayout};

    use super::{Bencher, BytesCount, day};

    const N_COLUMNS: usize = 31;

    #[divan::bench]
    fn kernel(bencher: Bencher<'_, '_>) {
        let mut cutter = LineCutter::new(LineLayout::tabs(N_COLUMNS));
        bencher.counter(BytesCount::of_slice(&day().text)).bench_local(|| {
            let mut n_rows = 0;
            for block in day().blocks() {
                cutter.cut(black_box(block), |lines| match black_box(&lines) {
                    BlockLines::Rows(rows) => n_rows += rows.len(),
                    BlockLines::Quoted { .. } | BlockLines::Uneven { .. } => {}
                });
            }
            n_rows
        });
    }

    #[divan::bench]
    fn memchr(bencher: Bencher<'_, '_>) {
        let mut starts = Vec::new();
        bencher.counter(BytesCount::of_slice(&day().text)).bench_local(|| {
            let mut n_rows = 0;
            for block in day().blocks() {
                starts.clear();
                starts.push(0);
                for place in memchr::memchr2_iter(b'\t', b'\n', black_box(block)) {
                    starts.push(place + 1);
                    if block[place] == b'\n' {
                        n_rows += usize::from(black_box(&starts).len() == N_COLUMNS + 1);
                        starts.clear();
                        starts.push(place + 1);
                    }
                }
            }
            n_rows
        });
    }
}

/// Rows to a Parquet file in memory.
mod pages {
    use divan::counter::ItemsCount;
    use streamledger_benches::pages::{N_ROWS, PageBench};

    use super::Bencher;

    #[divan::bench(sample_count = 10, sample_size = 1)]
    fn kernel(bencher: Bencher<'_, '_>) {
        let bench = PageBench::get();
        bencher.counter(ItemsCount::new(N_ROWS)).bench(|| bench.write());
    }

    #[divan::bench(sample_count = 10, sample_size = 1)]
    fn arrow_writer(bencher: Bencher<'_, '_>) {
        let bench = PageBench::get();
        bencher.counter(ItemsCount::new(N_ROWS)).bench(|| bench.write_with_arrow());
    }
}
