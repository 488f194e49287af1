//! Reads cells: played seconds, truth values. Whitespace-only is empty; nothing is guessed.

use crate::normalize::rejected_row::RejectCode;

/// Longest played time that is believed, in milliseconds: a day (specification, section 5).
pub const PLAYED_MS_MAX: u64 = 86_400_000;

/// Trims spaces; cheap where there are none, which is nearly always.
#[must_use]
#[inline]
pub fn trimmed(cell: &[u8]) -> &[u8] {
    match cell {
        [] => cell,
        [first, .., last] if b' ' < *first && b' ' < *last => cell,
        _ => cell.trim_ascii(),
    }
}

/// Whole seconds of one to five digits in milliseconds, without a step for each digit: the
/// processor would guess wrong how many there are. The cell is the end of eight bytes, the last one
/// uppermost. `None` for any other cell, which may be good.
#[must_use]
#[inline]
pub fn whole_seconds_to_ms(bytes: u64, length: usize) -> Option<u32> {
    const ZEROS: u64 = u64::from_ne_bytes([b'0'; 8]);
    if !(1..=5).contains(&length) {
        return None;
    }
    let of_cell = u64::MAX << (64 - 8 * length);
    let digits = bytes & of_cell | ZEROS & !of_cell;
    // What is above a 9 reaches the upper half of its byte when 6 is added.
    let upper = |bytes: u64| bytes & u64::from_ne_bytes([0xf0; 8]);
    let is_number =
        upper(digits) == ZEROS && upper(digits.wrapping_add(u64::from_ne_bytes([6; 8]))) == ZEROS;
    // Digits to pairs, pairs to fours, fours to eight; the lower one of two is worth more.
    let values = digits & u64::from_ne_bytes([0xf; 8]);
    let pairs = values.wrapping_mul(10 << 8 | 1) >> 8;
    let fours = (pairs & 0x00ff_00ff_00ff_00ff).wrapping_mul(100 << 16 | 1) >> 16;
    let eight = (fours & 0x0000_ffff_0000_ffff).wrapping_mul(10_000 << 32 | 1) >> 32;
    let ms = eight * 1000;
    if is_number && ms <= PLAYED_MS_MAX { u32::try_from(ms).ok() } else { None }
}

/// Seconds as a decimal with a point and nothing else, cut to whole milliseconds; `None` for any other cell,
/// which may be good.
#[must_use]
pub fn plain_seconds_to_ms(cell: &[u8]) -> Option<u32> {
    let ms = decimal_to_thousandths(cell).filter(|ms| *ms <= PLAYED_MS_MAX)?;
    u32::try_from(ms).ok()
}

/// A plain decimal without sign in thousandths, cut, at most [`u64::MAX`]; `None` if it is none.
#[must_use]
pub fn decimal_to_thousandths(cell: &[u8]) -> Option<u64> {
    let mut parts = cell.splitn(2, |byte| *byte == b'.');
    let whole = parts.next().unwrap_or_default();
    let fraction = parts.next();
    let is_number = match fraction {
        Some(fraction) => !fraction.is_empty() && fraction.iter().all(u8::is_ascii_digit),
        None => !whole.is_empty(),
    };
    if !is_number || !whole.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let fraction = fraction.unwrap_or_default().iter().chain(b"000").take(3);
    Some(whole.iter().chain(fraction).fold(0_u64, |number, byte| {
        number.saturating_mul(10).saturating_add(u64::from(byte - b'0'))
    }))
}

/// A truth value: true/false, t/f, yes/no, 1/0 in any case; `None` where the cell is empty.
///
/// # Errors
/// [`RejectCode::BadBool`] for anything else.
#[inline]
pub fn truth(cell: &[u8]) -> Result<Option<bool>, RejectCode> {
    match cell {
        b"" => return Ok(None),
        b"false" => return Ok(Some(false)),
        b"true" => return Ok(Some(true)),
        _ => {}
    }
    let cell = trimmed(cell);
    let is = |words: [&[u8]; 4]| words.iter().any(|word| cell.eq_ignore_ascii_case(word));
    if cell.is_empty() {
        Ok(None)
    } else if is([b"false", b"0", b"f", b"no"]) {
        Ok(Some(false))
    } else if is([b"true", b"1", b"t", b"yes"]) {
        Ok(Some(true))
    } else {
        Err(RejectCode::BadBool)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn seconds_are_cut_not_rounded() {
        for (cell, ms) in [
            ("30", 30_000),
            ("29.9996", 29_999),
            ("29.9999999999999999999", 29_999),
            (".5", 500),
            ("12.0", 12_000),
            ("0", 0),
            ("00030", 30_000),
            ("000000030", 30_000),
            ("86400", 86_400_000),
            ("86400.0009", 86_400_000),
        ] {
            assert_eq!(plain_seconds_to_ms(cell.as_bytes()), Some(ms), "{cell}");
        }
    }

    #[test]
    fn what_is_no_plain_length_is_left_to_others() {
        for cell in ["86400.001", "86401", "-1", "99999", "99999999999999999999999", "", " 31 "] {
            assert_eq!(plain_seconds_to_ms(cell.as_bytes()), None, "{cell}");
        }
        for cell in ["x", "1e3", "1,5", "12.", ".", "-", "--1", "+1", "1.2.3", "1 2", "NaN", "0x1"]
        {
            assert_eq!(plain_seconds_to_ms(cell.as_bytes()), None, "{cell}");
        }
    }

    proptest! {
        #[test]
        fn whole_seconds_are_read_alike(
            before in prop::array::uniform8(any::<u8>()),
            cell in prop_oneof!["[0-9]{0,7}", "[0-9]{0,2}[ -~][0-9]{0,2}", "8640[0-9]"],
        ) {
            let bytes = [&before[..], cell.as_bytes()].concat();
            let end: [u8; 8] = bytes[bytes.len() - 8..].try_into().unwrap();
            let is_usual = (1..=5).contains(&cell.len()) && cell.bytes().all(|b| b.is_ascii_digit());
            let expected = plain_seconds_to_ms(cell.as_bytes()).filter(|_| is_usual);
            prop_assert_eq!(whole_seconds_to_ms(u64::from_le_bytes(end), cell.len()), expected);
        }
    }

    #[test]
    fn truth_has_four_spellings() {
        for (cell, value) in [
            ("TRUE", true),
            ("t", true),
            ("Yes", true),
            ("1", true),
            ("false", false),
            ("F", false),
            ("NO", false),
            ("0", false),
        ] {
            assert_eq!(truth(cell.as_bytes()), Ok(Some(value)), "{cell}");
        }
        assert_eq!(truth(b" "), Ok(None));
        assert_eq!(truth(b"2"), Err(RejectCode::BadBool));
        assert_eq!(truth(b"tru"), Err(RejectCode::BadBool));
    }

    proptest! {
        #[test]
        fn every_millisecond_of_a_day_reads_back(ms in 0_u32..=86_400_000, places in 3_usize..6) {
            let cell = format!("{}.{:03}{}", ms / 1000, ms % 1000, "9".repeat(places - 3));
            prop_assert_eq!(plain_seconds_to_ms(cell.as_bytes()), Some(ms));
        }
    }
}
