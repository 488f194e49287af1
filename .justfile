# Short names for the commands of the project. Every line also runs without just.

# What there is.
default:
    @just --list

# Format and lints, warnings are errors.
check:
    cargo fmt --check
    cargo clippy --release --workspace --all-targets -- -D warnings

# All tests.
test:
    cargo test --release --workspace

# Everything that the tests of faults only sample, some hours; prints the figures of crates/storage/README.md.
torture:
    STREAMLEDGER_TORTURE=full cargo test --release --workspace --test torture -- --nocapture --test-threads=1

# A night on top of a year of history against one in an empty warehouse; a backfill against nights.
bench-history *arguments:
    cargo build --release
    python3 benches/history.py {{ arguments }}

# Accept what the inline snapshots show now; read the diff before you commit it.
bless:
    INSTA_UPDATE=always cargo test --release --workspace

# Benchmarks of the stages, the formats and the kernels.
bench:
    cargo bench --workspace --bench stages --bench formats
    RAYON_NUM_THREADS=1 cargo bench --workspace --bench kernels

# The whole program against DuckDB and Polars on one inbox.
bench-peers *arguments:
    cargo build --release
    python3 benches/peers/run.py {{ arguments }}

# Peak memory of a night for days of growing size under one limit.
bench-memory *arguments:
    cargo build --release
    python3 benches/memory.py {{ arguments }}

# Any bytes for the readers, for hours: `just fuzz dsr -max_total_time=900`. Needs cargo-fuzz and a nightly Rust.
fuzz target *arguments:
    cd crates/fuzz && cargo +nightly fuzz run {{ target }} -- {{ arguments }}

# A night on one report of 1 GB of each family.
bench-large *arguments:
    cargo build --release
    python3 benches/large_reports.py {{ arguments }}

# Licences, sources and versions of the dependencies.
deny:
    cargo deny check bans licenses sources

# What must pass before a change is merged.
ci:
    .ci/run

# The waterfall of a month with a million rows, and the answer for one track of it.
bench-explain *arguments:
    cargo build --release
    python3 benches/explain.py {{ arguments }}

# The pages of 10,000 recordings: seconds and memory.
bench-report *arguments:
    cargo build --release
    python3 benches/report.py {{ arguments }}
