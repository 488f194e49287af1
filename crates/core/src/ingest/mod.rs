//! Bytes of a report to raw cells. One file per report format, one for what they share.

pub mod lines;
pub mod spotify_streams;
