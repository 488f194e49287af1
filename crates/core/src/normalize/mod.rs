//! Raw cells to plays in our words. What cannot be read becomes a `RejectCode`, never a guess.

pub mod counts;
pub mod unmapped;
pub mod rejected_row;
pub mod store;
mod day_plays;
pub mod sums;
pub mod sale_lines;
pub mod sales_lot;
mod played_in;
pub mod tracks;
pub mod join;
pub mod listeners;
pub mod values;
pub mod table;
pub mod dsr;
