//! Entries of the look-up tables: 32 bits that say everything about the symbols at an index.

use super::bits::ones;

/// One entry of a table.
///
/// Bits 0 to 7: bits to drop in all, codes and extra bits; 8 to 11: length of the code (of two
/// literals that of the first one, of a literal and a length that of both), or index bits of a
/// further table; 12 to 15: what it is; 16 to 23: a literal; 24 to 31: the literal behind it, or a
/// length less 3 without its extra bits. A distance without its extra bits, the symbol of a code
/// length and the start of a further table take 16 to 31.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TableEntry(u32);

impl TableEntry {
    const LITERAL: u32 = 1 << 15;
    const SPECIAL: u32 = 1 << 14;
    /// Of a literal or a length: a literal comes before it. Of a special entry: the block ends.
    const LEAD_OR_END: u32 = 1 << 13;
    /// Of a special entry: it points at a further table.
    const FURTHER: u32 = 1 << 12;

    /// A bit pattern that no code has.
    pub(super) const INVALID: Self = Self(Self::SPECIAL | 1);

    /// The symbol that ends a block, without its code.
    pub(super) const END: Self = Self(Self::SPECIAL | Self::LEAD_OR_END);

    /// A symbol that has a code and stands for nothing, without its code.
    pub(super) const NOTHING: Self = Self(Self::SPECIAL);

    /// A literal, without its code. It stands twice, so that it need not move to become the second
    /// one of two.
    pub(super) const fn literal(byte: u8) -> Self {
        Self(Self::LITERAL | (byte as u32) << 16 | (byte as u32) << 24)
    }

    /// A length, without its code; the shortest one is 3.
    pub(super) const fn length(length: u16, n_extra_bits: u8) -> Self {
        Self((length as u32 - 3) << 24 | n_extra_bits as u32)
    }

    /// A distance or the symbol of a code length, without its code.
    pub(super) const fn value(base: u16, n_extra_bits: u8) -> Self {
        Self((base as u32) << 16 | n_extra_bits as u32)
    }

    /// Points at a further table.
    pub(super) const fn further(start: u32, n_index_bits: u32) -> Self {
        Self(Self::SPECIAL | Self::FURTHER | start << 16 | n_index_bits << 8)
    }

    /// The entry of a symbol whose code has so many bits.
    pub(super) const fn with_code_bits(self, n_bits: u32) -> Self {
        Self(self.0 + n_bits * 0x101)
    }

    /// Bits to drop for all that the entry stands for.
    #[inline]
    pub(super) fn n_bits(self) -> u32 {
        self.0 & 0xff
    }

    /// Bits of the code: of the first one if it is two literals, of both before a length. Of a pointer
    /// at a further table the bits of its index.
    #[inline]
    pub(super) fn n_code_bits(self) -> u32 {
        self.0 >> 8 & 15
    }

    /// Whether it is one literal or two.
    #[inline]
    pub(super) fn is_literal(self) -> bool {
        self.0 & Self::LITERAL != 0
    }

    /// Whether it is neither a literal nor a value.
    #[inline]
    pub(super) fn is_special(self) -> bool {
        self.0 & Self::SPECIAL != 0
    }

    /// Of a special entry: whether it ends the block.
    #[inline]
    pub(super) fn is_end(self) -> bool {
        self.0 & Self::LEAD_OR_END != 0
    }

    /// Of a special entry: whether it points at a further table.
    #[inline]
    pub(super) fn is_further(self) -> bool {
        self.0 & Self::FURTHER != 0
    }

    /// The literals, the first one in the low byte; or the start of a further table.
    #[inline]
    pub(super) fn literals(self) -> u16 {
        (self.0 >> 16) as u16
    }

    /// Literals before the last symbol: 1 if it is two literals, or a literal and a length.
    #[inline]
    pub(super) fn n_leading(self) -> usize {
        (self.0 >> 13 & 1) as usize
    }

    /// The length with its extra bits, taken from the bits from its code on.
    #[inline]
    pub(super) fn length_in(self, bits: u64) -> usize {
        3 + (self.0 >> 24) as usize + self.extra_in(bits)
    }

    /// The distance or repeat with its extra bits, taken from the bits from its code on.
    #[inline]
    pub(super) fn value_in(self, bits: u64) -> usize {
        (self.0 >> 16) as usize + self.extra_in(bits)
    }

    #[inline]
    fn extra_in(self, bits: u64) -> usize {
        let extra = (bits & ones(self.n_bits())) >> self.n_code_bits();
        (extra & 0xffff) as usize
    }

    /// What a literal or a length adds to the entry of a literal that it follows.
    pub(super) fn as_second(self) -> Self {
        // Of two literals the length of the first code is kept, of a length that of both.
        let code_bits = if self.is_literal() { 0 } else { self.0 & 0xf00 };
        let kept = self.0 & (0xff00_0000 | Self::LITERAL);
        Self(kept | Self::LEAD_OR_END | code_bits | self.n_bits())
    }

    /// A literal and what follows it as one entry.
    #[inline]
    pub(super) fn joined(self, second: Self) -> Self {
        Self((self.0 & 0xff_0fff) + second.0)
    }
}
