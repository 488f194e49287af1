//! Raw cells to plays in our words. What cannot be read becomes a [`defect::Defect`], never a guess.

pub mod cells;
pub mod counts;
pub mod defect;
pub mod times;
pub mod dates;
pub mod numbers;
pub mod store;
pub mod interning;
mod day_plays;
pub mod spotify_streams;
mod spotify_rows;
mod spotify_words;
mod spotify_defects;
pub mod sales_lot;
pub mod table_fields;
pub mod sales_reader;
pub mod figures_reader;
pub mod reference_reader;
mod dsr_block;
mod dsr_cells;
mod dsr_summary;
pub mod dsr_reader;
pub mod table_plays;
pub mod table_reader;
pub mod tracks;
pub mod join;
pub mod listeners;
