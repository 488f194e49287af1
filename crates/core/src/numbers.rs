//! Numbers in another type, without a number of its own where they do not fit.

use std::fmt::Display;

/// The same number in another integer type.
///
/// For numbers that a check or a limit has bounded before. Numbers from reports are not: what does
/// not fit of them rejects the row or the report.
///
/// # Panics
/// If the number does not fit: a limit that was to hold does not. Going on with another number would
/// put a wrong one into the tables.
#[must_use]
#[track_caller]
#[inline]
pub fn exact<T>(number: impl TryInto<T> + Copy + Display) -> T {
    let Ok(same) = number.try_into() else { does_not_fit(number, std::any::type_name::<T>()) };
    same
}

#[cold]
#[track_caller]
#[inline(never)]
#[expect(clippy::panic, reason = "a broken limit is a fault of the program, never of its input")]
fn does_not_fit(number: impl Display, name: &str) -> ! {
    panic!(
        "{number} is beyond the limits of {name}; this is a fault in streamledger, please report it"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stays_what_it_is() {
        assert_eq!(exact::<u8>(255_usize), 255);
        assert_eq!(exact::<i64>(u64::from(u32::MAX)), 4_294_967_295);
    }

    #[test]
    #[should_panic(expected = "256 is beyond the limits of u8")]
    fn one_that_does_not_fit_gets_no_default() {
        let _ = exact::<u8>(256_u32);
    }
}
