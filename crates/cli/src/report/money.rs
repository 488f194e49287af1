//! Money for people: rounded half to even to cents where it is told, never before it is summed.

use streamledger_core::numbers::exact;

use crate::print::output::grouped;

/// What amounts are counted in: 10^-12 of the currency's unit.
const SCALE: u32 = 12;

/// Digits after the point that are told.
const DIGITS: u32 = 2;

/// `1,234.50 USD`.
pub(crate) fn amount(amount: i128, currency: &str) -> String {
    let cents = divided(amount, 10_i128.pow(SCALE - DIGITS));
    let per = 10_i128.pow(DIGITS);
    let sign = if cents < 0 { "\u{2212}" } else { "" };
    let (whole, part) =
        (cents.unsigned_abs() / per.unsigned_abs(), cents.unsigned_abs() % per.unsigned_abs());
    let whole = grouped(exact::<i128>(whole));
    format!("{sign}{whole}.{part:02} {currency}").trim_end().to_owned()
}

/// The same for a thousand units; `None` without units.
pub(crate) fn per_thousand(total: i128, units: i64, currency: &str) -> Option<String> {
    let thousand = total.checked_mul(1000)?;
    (units != 0).then(|| amount(divided(thousand, units.into()), currency))
}

/// Divided and rounded, half to even.
fn divided(number: i128, by: i128) -> i128 {
    let (floor, rest) = (number.div_euclid(by), number.rem_euclid(by));
    let floor_is_odd = floor.rem_euclid(2) == 1;
    match (rest * 2).cmp(&by.abs()) {
        std::cmp::Ordering::Less => floor,
        std::cmp::Ordering::Equal if !floor_is_odd => floor,
        // Of a negative divisor the quotient grows the other way.
        _ => floor + by.signum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_rounded_half_to_even_and_grouped() {
        let unit = 10_i128.pow(12);
        assert_eq!(amount(1234 * unit + unit / 2, "USD"), "1,234.50 USD");
        assert_eq!(amount(unit / 200, ""), "0.00", "half a cent to the even cent");
        assert_eq!(amount(unit * 3 / 200, "EUR"), "0.02 EUR");
        assert_eq!(amount(-unit * 5 / 4, "EUR"), "\u{2212}1.25 EUR");
        assert_eq!(per_thousand(unit * 4, 1000, "USD").unwrap(), "4.00 USD");
        assert_eq!(per_thousand(unit, 3, "USD").unwrap(), "333.33 USD");
        assert_eq!(per_thousand(-unit, -3, "USD").unwrap(), "333.33 USD");
        assert_eq!(per_thousand(unit, 0, "USD"), None);
    }
}
