//! Target `parquet_pages` of cargo-fuzz.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| streamledger_fuzz::run("parquet_pages", bytes));
