//! The symbols of DEFLATE's codes (RFC 1951, 3.2.5 to 3.2.7): how many each code has, and the one that ends
//! a block.

/// Literals and lengths that have codes; symbols 286 and 287 do in the fixed code alone.
pub(super) const N_LITERAL_SYMBOLS: usize = 288;

/// Distances that have codes; symbols 30 and 31 do in the fixed code alone.
pub(super) const N_DISTANCE_SYMBOLS: usize = 32;

/// Symbols of the code in which code lengths are written.
pub(super) const N_LENGTH_SYMBOLS: usize = 19;

/// The symbol that ends a block.
pub(super) const END_OF_BLOCK: usize = 256;
