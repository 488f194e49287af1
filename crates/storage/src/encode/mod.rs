//! Plays, trends and lines of statements to Parquet files: our own encoding of columns whose dictionaries we already
//! have, in files whose frame the `parquet` crate writes.
//!
//! The crate's own column writers intern every value anew, which took most of the time of a run.
//! Here a value is a number from the start: a code in a dictionary that is sorted, so that minima
//! and maxima of pages are codes too.

pub mod bits;
pub mod hybrid;
pub mod delta;
pub mod page;
pub mod pieces;
pub mod values;
pub mod chunk;
pub mod codes;
pub mod decimals;
pub mod file;
pub mod plays;
pub mod trends;
pub mod sales;
pub mod sales_monthly;

use std::sync::LazyLock;

use fearless_simd::Level;

/// The machine's instruction set: the innermost loops are compiled for several.
pub(crate) static LEVEL: LazyLock<Level> = LazyLock::new(Level::new);
