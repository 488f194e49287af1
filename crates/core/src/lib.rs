//! The pure part of streamledger: words, stages, rules. Opens no file, reads no clock and no
//! environment.

#![deny(missing_docs)]

pub mod model;
pub mod numbers;
pub mod ingest;
pub mod normalize;
pub mod filter;
pub mod aggregate;
pub mod decisions;
pub mod explain;
pub mod supersede;
#[cfg(test)]
mod testing;
