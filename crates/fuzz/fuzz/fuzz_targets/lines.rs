//! Target `lines` of cargo-fuzz.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| streamledger_fuzz::run("lines", bytes));
