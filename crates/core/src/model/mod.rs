//! The words of the field as types: what a play is, how it is named, and what was decided of it.

pub mod about;
pub mod day;
pub mod grid;
pub mod isrc;
pub mod listener;
pub mod money;
pub mod play;
pub mod reference;
pub mod report_id;
pub mod sale;
pub mod territory;
pub mod tier;
pub mod upc;
pub mod verdict;
