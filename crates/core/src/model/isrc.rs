//! International Standard Recording Code (ISO 3901): the name of a recording.
//!
//! Twelve characters of `A-Z0-9` fit a 63-bit number in base 36. Packed that way a code costs
//! eight bytes, compares as its text does (digits before letters, as in ASCII) and needs no
//! dictionary. The alternative, interning the text, costs a hash a row for the same order.

use std::num::NonZeroU64;

use crate::numbers::exact;

const LENGTH: usize = 12;
const BASE: u64 = 36;

/// A well-formed ISRC: `[A-Z]{2}[A-Z0-9]{3}[0-9]{7}`. Orders as its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Isrc(NonZeroU64);

impl Isrc {
    /// Reads a code as stores write it: any case, hyphens and spaces, an `ISRC` prefix.
    ///
    /// The prefix is only removed from more than 12 characters, since `IS` is also a country.
    /// `None` if what remains is not a well-formed code.
    #[must_use]
    pub fn parse(cell: &[u8]) -> Option<Self> {
        let mut code = [0_u8; LENGTH + 4];
        let mut length = 0;
        for byte in cell.iter().filter(|byte| !matches!(byte, b'-' | b' ')) {
            if length == code.len() {
                return None;
            }
            code[length] = byte.to_ascii_uppercase();
            length += 1;
        }
        let code = &code[..length];
        let code = if LENGTH < length { code.strip_prefix(b"ISRC")? } else { code };
        let code: &[u8; LENGTH] = code.try_into().ok()?;
        let well_formed = code[..2].iter().all(u8::is_ascii_uppercase)
            && code[2..5].iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
            && code[5..].iter().all(u8::is_ascii_digit);
        well_formed.then(|| Self::pack(code)).flatten()
    }

    fn pack(code: &[u8; LENGTH]) -> Option<Self> {
        let number = code.iter().fold(0_u64, |number, &byte| {
            let digit = if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' + 10 };
            number * BASE + u64::from(digit)
        });
        // The first letter is at least `A` = 10, so the number is never 0.
        NonZeroU64::new(number).map(Self)
    }

    /// The code as its twelve ASCII characters.
    #[must_use]
    pub fn to_text(self) -> [u8; LENGTH] {
        let mut text = [0_u8; LENGTH];
        let mut number = self.0.get();
        for place in text.iter_mut().rev() {
            let digit = exact::<u8>(number % BASE);
            *place = if digit < 10 { b'0' + digit } else { b'A' + digit - 10 };
            number /= BASE;
        }
        text
    }

    /// The packed number, for storage; [`Isrc::from_packed`] is its inverse.
    #[must_use]
    pub fn packed(self) -> u64 {
        self.0.get()
    }

    /// Reads what [`Isrc::packed`] wrote; 0 is no code.
    #[must_use]
    pub fn from_packed(packed: u64) -> Option<Self> {
        NonZeroU64::new(packed).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(cell: &str) -> Option<String> {
        Isrc::parse(cell.as_bytes()).map(|isrc| String::from_utf8(isrc.to_text().to_vec()).unwrap())
    }

    #[test]
    fn spellings_of_one_code_are_one_code() {
        for cell in [
            "GBAYE0601498",
            "gbaye0601498",
            "GB-AYE-06-01498",
            "ISRC GB-AYE-06-01498",
            "isrcgbaye0601498",
        ] {
            assert_eq!(text(cell).as_deref(), Some("GBAYE0601498"), "{cell}");
        }
    }

    #[test]
    fn a_code_of_iceland_keeps_its_first_letters() {
        assert_eq!(text("ISRC12345678").as_deref(), Some("ISRC12345678"));
        assert_eq!(text("IS-RC1-23-45678").as_deref(), Some("ISRC12345678"));
    }

    #[test]
    fn what_is_not_a_code_is_none() {
        for cell in [
            "",
            "GBAYE060149",
            "GBAYE06014988",
            "1BAYE0601498",
            "GBAYE06O1498",
            "ISRCGBAYE060149",
            "GB_AYE0601498",
            "GBÀYE0601498",
        ] {
            assert_eq!(text(cell), None, "{cell}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_code_reads_back_and_orders_as_its_text(a in "[A-Z]{2}[A-Z0-9]{3}[0-9]{7}", b in "[A-Z]{2}[A-Z0-9]{3}[0-9]{7}") {
            let (packed_a, packed_b) = (Isrc::parse(a.as_bytes()).unwrap(), Isrc::parse(b.as_bytes()).unwrap());
            proptest::prop_assert_eq!(&packed_a.to_text()[..], a.as_bytes());
            proptest::prop_assert_eq!(packed_a.cmp(&packed_b), a.cmp(&b));
            proptest::prop_assert_eq!(Isrc::from_packed(packed_a.packed()), Some(packed_a));
        }
    }
}
