//! Supersession: which of the reports of a store and feed count. A newer report replaces an older one
//! about the same, copies and parts of another report count once, and what nobody can decide is
//! rejected until a person accepts it.
//!
//! Read in the order of the modules: the hash of a row, what two lists of them share, which of many share any, plays
//! across formats, what a
//! name and a period say, the facts of a report, whether one is proven to replace another, and the decision.

pub mod row_hash;
pub mod row_lists;
pub mod row_index;
pub mod across_formats;
pub mod names;
pub mod periods;
pub mod facts;
mod proof;
mod content;
mod messages;
mod neighbours;
mod placing;
pub mod decide;
