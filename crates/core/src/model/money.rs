//! Money: exact amounts in a currency, read from the text that a store wrote.
//!
//! An amount is a number of 10^-12 units in 128 bits, what a `DECIMAL(38, 12)` is. Stores write up to 33
//! decimals, with or without a leading zero, some in scientific notation: the text is read as a
//! decimal of any length and rounded once, half to even. A float would be another number from the
//! start.

use std::str::FromStr as _;

use bigdecimal::{BigDecimal, RoundingMode};
use iso_currency::Currency as IsoCurrency;

/// Decimals of an amount.
pub const SCALE: u32 = 12;

/// Amounts of a row are below this in size: 10^20 units.
const UNITS_MAX: i128 = 10_i128.pow(20);

/// Longest text that is read as a number, in bytes: a number of any use is shorter.
const TEXT_BYTES_MAX: usize = 128;

/// Largest power of ten in scientific notation, in either direction.
const EXPONENT_MAX: i64 = 64;

/// An amount of money, in 10^-12 units of its currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(pub i128);

/// An amount, and whether it is all that the text said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadAmount {
    /// The amount, rounded half to even at the 12th decimal.
    pub amount: Amount,
    /// Whether nothing was rounded away.
    pub is_exact: bool,
}

impl Amount {
    /// Reads a decimal with a point: `12`, `-.5`, `12.0`, `4.27E-7`. `None` if it is none, or not
    /// below 10^20 in size.
    #[must_use]
    pub fn parse(text: &str) -> Option<ReadAmount> {
        let read = Self::parse_sum(text)?;
        is_sane(read.amount.0).then_some(read)
    }

    /// Reads what most cells with an amount hold: an optional sign, few digits, at most twelve of them behind
    /// a point. `None` for anything else, be it an amount or not.
    #[must_use]
    #[inline]
    pub fn parse_short(cell: &[u8]) -> Option<Self> {
        let amount = short_decimal(cell)?;
        is_sane(amount).then_some(Self(amount))
    }

    /// The same for a sum, which may be as large as 128 bits hold.
    #[must_use]
    pub fn parse_sum(text: &str) -> Option<ReadAmount> {
        if let Some(amount) = short_decimal(text.as_bytes()) {
            return Some(ReadAmount { amount: Self(amount), is_exact: true });
        }
        Self::parse_any(text)
    }

    /// Reads a decimal of any length, with or without an exponent.
    fn parse_any(text: &str) -> Option<ReadAmount> {
        if TEXT_BYTES_MAX < text.len() || !is_decimal(text) {
            return None;
        }
        let number = BigDecimal::from_str(text).ok()?;
        let rounded = number.with_scale_round(i64::from(SCALE), RoundingMode::HalfEven);
        let is_exact = rounded == number;
        let (digits, _) = rounded.into_bigint_and_exponent();
        let amount = i128::try_from(digits).ok()?;
        Some(ReadAmount { amount: Self(amount), is_exact })
    }
}

impl std::fmt::Display for Amount {
    /// A decimal with a point, without trailing zeros.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        BigDecimal::from_bigint(self.0.into(), i64::from(SCALE))
            .normalized()
            .to_plain_string()
            .fmt(formatter)
    }
}

/// Digits, and a point, of a number that surely fits 128 bits with twelve decimals.
const SHORT_DIGITS_MAX: usize = 24;

/// Reads what most amounts are: an optional sign, few digits, at most twelve of them behind a point.
/// `None` for anything else, be it a number or not.
fn short_decimal(text: &[u8]) -> Option<i128> {
    let (is_negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if SHORT_DIGITS_MAX < digits.len() {
        return None;
    }
    let (whole, fraction) = match memchr::memchr(b'.', digits) {
        Some(point) => (&digits[..point], &digits[point + 1..]),
        None => (digits, &digits[digits.len()..]),
    };
    let n_missing = (SCALE as usize).checked_sub(fraction.len())?;
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let number = if digits.len() <= WORD_DIGITS_MAX {
        i128::from(add_digits(add_digits(0_u64, whole)?, fraction)?)
    } else {
        add_digits(add_digits(0_i128, whole)?, fraction)?
    };
    let amount = number * POWERS[n_missing];
    Some(if is_negative { -amount } else { amount })
}

/// Digits that surely fit 64 bits.
const WORD_DIGITS_MAX: usize = 18;

/// Powers of ten up to that of [`SCALE`].
const POWERS: [i128; SCALE as usize + 1] = {
    let mut powers = [1; SCALE as usize + 1];
    let mut place = 1;
    while place < powers.len() {
        powers[place] = powers[place - 1] * 10;
        place += 1;
    }
    powers
};

/// A number with digits behind it; `None` if there is anything else.
#[inline]
fn add_digits<N: From<u8> + std::ops::Mul<Output = N> + std::ops::Add<Output = N>>(
    number: N,
    digits: &[u8],
) -> Option<N> {
    let add = |number: N, byte: &u8| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| number * N::from(10) + N::from(digit))
    };
    digits.iter().try_fold(number, add)
}

/// Whether an amount is one of a row.
fn is_sane(amount: i128) -> bool {
    amount.unsigned_abs() < UNITS_MAX.unsigned_abs() * 10_u128.pow(SCALE)
}

/// An optional sign, digits with at most one point, and an optional small exponent.
fn is_decimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let mut n_points = 0;
    let mut n_digits = 0;
    for byte in mantissa.bytes() {
        match byte {
            b'.' => n_points += 1,
            b'0'..=b'9' => n_digits += 1,
            _ => return false,
        }
    }
    let is_small = exponent.is_none_or(|exponent| {
        exponent.parse::<i64>().is_ok_and(|power| (-EXPONENT_MAX..=EXPONENT_MAX).contains(&power))
    });
    0 < n_digits && n_points <= 1 && is_small
}

/// A currency of ISO 4217, three upper-case letters. Orders as its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Reads a code in any case; `None` if the standard does not have it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let code: [u8; 3] = text.trim().as_bytes().try_into().ok()?;
        let code = code.map(|letter| letter.to_ascii_uppercase());
        IsoCurrency::from_code(std::str::from_utf8(&code).ok()?)?;
        Some(Self(code))
    }

    /// The three letters.
    #[must_use]
    pub fn letters(self) -> [u8; 3] {
        self.0
    }

    /// The three letters as a text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<(i128, bool)> {
        Amount::parse(text).map(|read| (read.amount.0, read.is_exact))
    }

    #[test]
    fn amounts_are_read_as_stores_write_them() {
        assert_eq!(read(".021330"), Some((21_330_000_000, true)));
        assert_eq!(read("-12"), Some((-12_000_000_000_000, true)));
        assert_eq!(read("12.0"), Some((12_000_000_000_000, true)));
        assert_eq!(read("4.279320610876071116133903342E-7"), Some((427_932, false)));
        assert_eq!(read("0"), Some((0, true)));
    }

    #[test]
    fn the_twelfth_decimal_is_rounded_half_to_even_once() {
        assert_eq!(read("0.0000000000005"), Some((0, false)));
        assert_eq!(read("0.0000000000015"), Some((2, false)));
        assert_eq!(read("0.0000000000025"), Some((2, false)));
        assert_eq!(read("-0.0000000000015"), Some((-2, false)));
        // Rounding in two steps would make this 1.
        assert_eq!(read("0.00000000000049999999999999999999999999"), Some((0, false)));
        assert_eq!(read("0.0000000000010000000000"), Some((1, true)));
    }

    #[test]
    fn what_is_no_amount_is_rejected() {
        for text in [
            "",
            ".",
            "-",
            "1.2.3",
            "1,2",
            "NaN",
            "inf",
            "1e",
            "1e99999999999",
            "1e65",
            "0x1",
            "1_0",
            " 1",
            "--1",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read("100000000000000000000"), None);
        assert_eq!(read("99999999999999999999.999999999999"), Some((10_i128.pow(32) - 1, true)));
        assert_eq!(read(&"1".repeat(200)), None);
    }

    #[test]
    fn currencies_are_those_of_the_standard() {
        assert_eq!(Currency::parse(" eur ").map(|c| c.as_str().to_owned()).as_deref(), Some("EUR"));
        assert_eq!(Currency::parse("EURO"), None);
        assert_eq!(Currency::parse("ABC"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(number in -10_i128.pow(31)..10_i128.pow(31)) {
            prop_assert_eq!(read(&Amount(number).to_string()), Some((number, true)));
        }

        /// The short way to an amount and the long one agree on anything.
        #[test]
        fn short_numbers_are_read_as_those_of_any_length(text in "[-+]?[0-9.]{0,30}(e-?[0-9])?|.{0,6}") {
            prop_assert_eq!(Amount::parse_sum(&text), Amount::parse_any(&text));
            if let Some(amount) = short_decimal(text.as_bytes()) {
                prop_assert_eq!(Amount::parse_any(&text).map(|read| read.amount.0), Some(amount));
            }
        }

        #[test]
        fn any_sum_that_is_written_is_read_back(number: i128) {
            let read = Amount::parse_sum(&Amount(number).to_string()).map(|read| read.amount.0);
            prop_assert_eq!(read, Some(number));
        }
    }
}
