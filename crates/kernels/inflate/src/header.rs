//! The head of a block with codes of its own (RFC 1951, 3.2.7).

use super::InflateError;
use super::bits::BitReader;
use super::codes::{BlockCodes, LengthCode};
use super::symbols::N_LENGTH_SYMBOLS;

/// Most literals and lengths that a block may give codes to.
const N_LITERALS_MAX: usize = 286;

/// Most distances that a block may give codes to.
const N_DISTANCES_MAX: usize = 30;

/// The order in which the lengths of the codes of code lengths are written.
const LENGTH_ORDER: [usize; N_LENGTH_SYMBOLS] =
    [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// The head of a block, as far as it was read.
pub(super) struct BlockHead {
    n_literals: usize,
    n_distances: usize,
    n_length_codes: usize,
    n_length_codes_read: usize,
    length_code_lengths: [u8; N_LENGTH_SYMBOLS],
    /// Made when all its lengths were read.
    length_code: Option<LengthCode>,
    n_read: usize,
    /// Of the literals and lengths, then of the distances.
    code_lengths: [u8; N_LITERALS_MAX + N_DISTANCES_MAX],
}

impl BlockHead {
    /// Of no block yet.
    pub(super) fn new() -> Self {
        Self {
            n_literals: 0,
            n_distances: 0,
            n_length_codes: 0,
            n_length_codes_read: 0,
            length_code_lengths: [0; N_LENGTH_SYMBOLS],
            length_code: None,
            n_read: 0,
            code_lengths: [0; N_LITERALS_MAX + N_DISTANCES_MAX],
        }
    }

    /// Reads how many codes a block has. Whether that was there; nothing is taken if the input ends
    /// within.
    ///
    /// # Errors
    /// More codes than there are symbols.
    pub(super) fn start(&mut self, reader: &mut BitReader<'_>) -> Result<bool, InflateError> {
        let Some(field) = reader.take(14) else {
            return Ok(false);
        };
        *self = Self {
            n_literals: (field & 31) as usize + 257,
            n_distances: (field >> 5 & 31) as usize + 1,
            n_length_codes: (field >> 10 & 15) as usize + 4,
            ..Self::new()
        };
        if self.n_literals > N_LITERALS_MAX || self.n_distances > N_DISTANCES_MAX {
            return Err(InflateError::TooManyCodes);
        }
        Ok(true)
    }

    /// Reads on. Whether the head is whole, and `codes` then filled.
    ///
    /// # Errors
    /// Code lengths that make no code.
    pub(super) fn go_on(
        &mut self,
        reader: &mut BitReader<'_>,
        codes: &mut BlockCodes,
    ) -> Result<bool, InflateError> {
        while self.n_length_codes_read < self.n_length_codes {
            let Some(length) = reader.take(3) else {
                return Ok(false);
            };
            let symbol = LENGTH_ORDER[self.n_length_codes_read];
            self.length_code_lengths[symbol] = (length & 7) as u8;
            self.n_length_codes_read += 1;
        }
        let length_code = match self.length_code.take() {
            Some(length_code) => length_code,
            None => LengthCode::new(&self.length_code_lengths)?,
        };
        let is_whole = self.read_lengths(&length_code, reader);
        self.length_code = Some(length_code);
        if is_whole? {
            let (literal, rest) = self.code_lengths.split_at(self.n_literals);
            codes.fill(literal, &rest[..self.n_distances])?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Reads code lengths. Whether all were read.
    fn read_lengths(
        &mut self,
        length_code: &LengthCode,
        reader: &mut BitReader<'_>,
    ) -> Result<bool, InflateError> {
        let n_lengths = self.n_literals + self.n_distances;
        while self.n_read < n_lengths {
            reader.refill();
            let entry = length_code.look_up(reader.bits);
            if entry.n_bits() > reader.n_bits {
                return Ok(false);
            }
            let symbol = entry.literals();
            let n_repeats = match symbol {
                0..16 => 1,
                16 | 17 => 3,
                _ => 11,
            } + entry.value_in(reader.bits)
                - usize::from(symbol);
            let length = match symbol {
                0..16 => (symbol & 15) as u8,
                16 => match self.n_read.checked_sub(1) {
                    Some(last) => self.code_lengths[last],
                    None => return Err(InflateError::LengthRepeat),
                },
                _ => 0,
            };
            if n_repeats > n_lengths - self.n_read {
                return Err(InflateError::LengthRepeat);
            }
            self.code_lengths[self.n_read..self.n_read + n_repeats].fill(length);
            self.n_read += n_repeats;
            reader.drop_bits(entry.n_bits());
        }
        Ok(true)
    }
}
