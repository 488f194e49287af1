//! Single cells: texts to numbers, dates, times and ids.

pub mod cells;
pub mod dates;
pub mod numbers;
pub mod times;
pub mod interning;
