//! Codes of decimals: of money, where a row group has few different amounts.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::NULL_CODE;
use crate::page::{EncodedPage, PageEncoder, PageNulls};
use crate::values::ColumnValues;

/// A dictionary is worth its while up to this many different amounts.
const DECIMALS_MAX: usize = 1 << 16;

/// And up to one for so many rows.
const ROWS_OF_DECIMAL: usize = 4;

/// What codes of decimals mean, and how the pages are made.
#[derive(Debug)]
pub struct DecimalCodes {
    codes: HashMap<i128, u32, FixedState>,
    /// The dictionary, or [`ColumnValues::Plain`] where there is none.
    pub values: ColumnValues<'static>,
    /// Bits of a code.
    pub width: u32,
}

impl DecimalCodes {
    /// Codes of these decimals, if there are few different ones.
    #[must_use]
    pub fn new(decimals: impl ExactSizeIterator<Item = Option<i128>>) -> Self {
        let n_max = (decimals.len() / ROWS_OF_DECIMAL).min(DECIMALS_MAX);
        let mut codes = HashMap::with_hasher(FixedState::with_seed(0));
        for decimal in decimals.flatten() {
            codes.insert(decimal, NULL_CODE);
            if n_max < codes.len() {
                return Self { codes: HashMap::default(), values: ColumnValues::Plain, width: 0 };
            }
        }
        let mut sorted: Vec<i128> = codes.keys().copied().collect();
        sorted.sort_unstable();
        for (code, decimal) in (0..).zip(&sorted) {
            codes.insert(*decimal, code);
        }
        let values = ColumnValues::Decimals(sorted);
        Self { codes, width: values.width(), values }
    }

    /// A page of decimals that were looked at.
    ///
    /// # Errors
    /// If zstd fails.
    pub fn page(
        &self,
        encoder: &mut PageEncoder,
        decimals: impl ExactSizeIterator<Item = Option<i128>>,
    ) -> std::io::Result<EncodedPage> {
        match &self.values {
            ColumnValues::Decimals(dictionary) if dictionary.is_empty() => {
                encoder.of_equal_codes(NULL_CODE, decimals.len(), self.width, PageNulls::Allowed)
            }
            ColumnValues::Decimals(_) => {
                let code = |decimal: Option<i128>| decimal.map_or(NULL_CODE, |d| self.codes[&d]);
                encoder.of_codes(decimals.map(code), self.width, PageNulls::Allowed)
            }
            _ => encoder.of_decimals(decimals, PageNulls::Allowed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::narrow;

    fn has_dictionary(n_rows: usize, n_different: usize) -> bool {
        let decimals = (0..n_rows).map(|row| Some(narrow::<i128>(row % n_different)));
        matches!(DecimalCodes::new(decimals).values, ColumnValues::Decimals(_))
    }

    #[test]
    fn few_different_amounts_get_a_dictionary() {
        assert!(has_dictionary(400, 100));
        assert!(!has_dictionary(400, 101));
        assert!(has_dictionary(1 << 18, DECIMALS_MAX));
        assert!(!has_dictionary(1 << 19, DECIMALS_MAX + 1));
    }
}
