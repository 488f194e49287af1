//! Raw cells to plays in our words. What cannot be read becomes a [`defect::Defect`], never a guess.

pub mod cells;
pub mod defect;
pub mod times;
pub mod store;
pub mod interning;
pub mod spotify_streams;
mod spotify_rows;
mod spotify_words;
mod spotify_defects;
pub mod join;
pub mod listeners;
