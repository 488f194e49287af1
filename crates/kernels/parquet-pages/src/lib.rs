//! Columns that are codes of sorted dictionaries, or numbers, to Parquet: data pages, dictionary pages
//! and column chunks, in a file whose frame and footer the `parquet` crate writes.
//!
//! That crate's own column writers take values and intern each of them anew. Here a value is a number
//! from the start: a code in a dictionary that is sorted, so that minima and maxima of pages are codes
//! too. Columns are flat; there are no lists and no structs.
//!
//! The path of a column: `codes` and `decimals` make its dictionary and say each row's code, `page`
//! encodes the rows page by page (`hybrid` and `delta` are the encodings, `bits` what they share),
//! `chunk` puts the pages of a row group behind their dictionary (`values`), `file` writes row groups
//! (`pieces` are their bytes).

#![deny(missing_docs)]

mod bits;
pub mod hybrid;
pub mod delta;
pub mod page;
pub mod values;
pub mod codes;
pub mod decimals;
mod pieces;
mod chunk;
pub mod file;
pub mod flat_table;

use std::fmt::Display;

/// Among the codes of a page: null. No dictionary is so large.
pub const NULL_CODE: u32 = u32::MAX;

/// The same number in a narrower type.
///
/// # Panics
/// If it does not fit: the limits of Parquet, as of 2^31 rows a page and 2^32 bytes of texts a
/// dictionary, are the caller's to keep.
#[track_caller]
#[inline]
#[expect(clippy::panic, reason = "a page beyond the limits is a fault of the caller")]
pub(crate) fn narrow<T>(number: impl TryInto<T> + Copy + Display) -> T {
    let Ok(same) = number.try_into() else {
        panic!("{number} is beyond the limits of {}", std::any::type_name::<T>())
    };
    same
}
