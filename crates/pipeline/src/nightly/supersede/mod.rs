//! Which reports count: settles which report replaces which, and keeps every partition within 64 bits.

pub(crate) mod superseding;
pub(crate) mod known_comparisons;
pub(crate) mod comparing;
pub(crate) mod bounds;
