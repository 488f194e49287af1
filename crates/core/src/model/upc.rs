//! UPC, EAN, GTIN: the number of a release, 8, 12, 13 or 14 digits of which the last is a check digit.
//!
//! Kept as given: leading zeros are part of it, and `012345678905` and `12345678905` are two texts.
//! Packed in base 11, padded on the right with 0 and digits shifted by one, so that a packed number
//! keeps its length and orders as its text.

use std::num::NonZeroU64;

use crate::numbers::exact;

const LENGTH_MAX: usize = 14;

/// A UPC, EAN or GTIN with a right check digit. Orders as its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Upc(NonZeroU64);

impl Upc {
    /// Reads the digits as given. `None` for another length, another character or a wrong check
    /// digit (GS1 general specifications: weights 3 and 1 in turn from the right, sum a multiple of 10).
    #[must_use]
    pub fn parse(cell: &[u8]) -> Option<Self> {
        if !matches!(cell.len(), 8 | 12 | 13 | 14) || !cell.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let weights = [1_u32, 3].into_iter().cycle();
        let sum: u32 = cell.iter().rev().zip(weights).map(|(b, w)| u32::from(b - b'0') * w).sum();
        if !sum.is_multiple_of(10) {
            return None;
        }
        let packed = (0..LENGTH_MAX).fold(0_u64, |packed, place| {
            packed * 11 + cell.get(place).map_or(0, |byte| u64::from(byte - b'0') + 1)
        });
        NonZeroU64::new(packed).map(Self)
    }

    /// The digits as given.
    #[must_use]
    pub fn to_text(self) -> String {
        self.digits().as_ref().iter().copied().map(char::from).collect()
    }

    /// The digits as given, without memory of their own.
    #[must_use]
    pub fn digits(self) -> UpcDigits {
        let mut digits = [0_u8; LENGTH_MAX];
        let mut number = self.0.get();
        let mut n_missing = 0;
        for place in digits.iter_mut().rev() {
            let digit = exact::<u8>(number % 11);
            n_missing += usize::from(digit == 0);
            *place = if digit == 0 { b'0' } else { b'0' + digit - 1 };
            number /= 11;
        }
        UpcDigits { digits, length: LENGTH_MAX - n_missing }
    }

    /// The packed number, for storage; [`Upc::from_packed`] is its inverse.
    #[must_use]
    pub fn packed(self) -> u64 {
        self.0.get()
    }

    /// Reads what [`Upc::packed`] wrote; 0 is none.
    #[must_use]
    pub fn from_packed(packed: u64) -> Option<Self> {
        NonZeroU64::new(packed).map(Self)
    }
}

/// The digits of a release.
#[derive(Debug, Clone, Copy, Default)]
pub struct UpcDigits {
    digits: [u8; LENGTH_MAX],
    length: usize,
}

impl AsRef<[u8]> for UpcDigits {
    fn as_ref(&self) -> &[u8] {
        &self.digits[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_check_digit_is_kept_with_its_zeros() {
        for cell in ["96385074", "036000291452", "4006381333931", "0090204932832", "00012345600012"]
        {
            assert_eq!(Upc::parse(cell.as_bytes()).unwrap().to_text(), cell);
        }
    }

    #[test]
    fn another_length_digit_or_check_is_none() {
        for cell in [
            "",
            "036000291453",
            "36000291452",
            "03600029145x",
            "4006381333930",
            "400638133393",
            "123456789012345",
        ] {
            assert_eq!(Upc::parse(cell.as_bytes()), None, "{cell}");
        }
    }

    proptest::proptest! {
        #[test]
        fn numbers_order_as_their_text(a in "[0-9]{7}|[0-9]{11}|[0-9]{12}|[0-9]{13}", b in "[0-9]{7}|[0-9]{11}|[0-9]{12}|[0-9]{13}") {
            let checked = |body: String| (0..10).map(|check| format!("{body}{check}")).find(|text| Upc::parse(text.as_bytes()).is_some()).unwrap();
            let (a, b) = (checked(a), checked(b));
            proptest::prop_assert_eq!(Upc::parse(a.as_bytes()).cmp(&Upc::parse(b.as_bytes())), a.cmp(&b));
        }
    }
}
