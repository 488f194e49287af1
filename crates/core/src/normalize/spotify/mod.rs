//! Spotify's wide table: rows to plays.

pub mod streams;
pub(crate) mod rows;
pub(crate) mod words;
pub(crate) mod reject_reasons;
