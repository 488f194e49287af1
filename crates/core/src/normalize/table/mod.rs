//! Plain tables, described by `pipelines/formats/*.toml`: rows of every feed, and what head and tail state.

pub mod track_codes;
pub mod fields;
pub(crate) mod cell_groups;
pub mod headers;
pub mod plays;
pub mod controls;
pub mod reader;
pub mod control_numbers;
pub(crate) mod summary_tables;
pub mod figures_reader;
pub mod reference_reader;
pub mod sales_reader;
