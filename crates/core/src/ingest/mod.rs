//! Bytes of a report to raw cells. One file per report format, one for what they share.

pub mod builtin;
pub mod dsr;
pub mod header_names;
pub mod inflate;
pub mod lines;
pub mod report_hash;
pub mod spotify_streams;
pub mod table;
pub mod text;

use std::sync::LazyLock;

use fearless_simd::Level;

/// The machine's instruction set: the innermost loops are compiled for several.
pub static LEVEL: LazyLock<Level> = LazyLock::new(Level::new);
