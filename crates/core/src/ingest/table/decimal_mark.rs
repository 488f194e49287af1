//! The mark before the decimals of a number: a point, or a comma.

/// The mark before the decimals of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecimalMark {
    /// `0.5`.
    Point,
    /// `0,5`.
    Comma,
}
