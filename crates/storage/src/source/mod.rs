//! The inbox: which files are there, and the bytes of a report, unpacked.

pub mod report_source;
pub mod inbox;
pub mod shown_names;
pub mod ignored;
