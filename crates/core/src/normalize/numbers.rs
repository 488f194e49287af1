//! Numbers as stores write them in statements: with separators of thousands, a decimal comma, a
//! currency sign, or as the formula that a spreadsheet makes of a text.

use std::borrow::Cow;

use crate::ingest::table::format::NumberStyle;

/// A cell as people wrote it, without what a spreadsheet adds: `="0085"`, `'0085`, spaces, quotes.
#[must_use]
pub fn unwrapped(cell: &str) -> &str {
    let cell = cell.trim();
    if let Some(inner) = cell.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"')) {
        return inner.trim();
    }
    cell.strip_prefix('\'').unwrap_or(cell)
}

/// A number with a decimal point and nothing between thousands; `None` if separators do not stand
/// where they stand in a number, since `1,5` read as 15 would be a guess.
#[must_use]
pub fn plain_decimal(cell: &str, style: NumberStyle) -> Option<Cow<'_, str>> {
    let cell = unwrapped(cell).trim_matches(['$', '\u{20ac}', '\u{a3}', '\u{a0}', ' ']);
    let is_plain = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    if style != NumberStyle::Comma && cell.bytes().all(is_plain) {
        return Some(Cow::Borrowed(cell));
    }
    let (decimal, thousands) = match style {
        NumberStyle::Point => ('.', ','),
        NumberStyle::Comma => (',', '.'),
        NumberStyle::Either => match cell.rfind([',', '.']) {
            Some(place) if cell[place..].starts_with(',') => (',', '.'),
            _ => ('.', ','),
        },
    };
    // `-$1.50`: the sign of the number may stand before that of the currency.
    let (sign, digits) = match cell.strip_prefix('-') {
        Some(rest) => ("-", rest.trim_start_matches(['$', '\u{20ac}', '\u{a3}'])),
        None => ("", cell),
    };
    let (whole, fraction) = match digits.split_once(decimal) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let mut groups = whole.split(thousands);
    let first = groups.next()?;
    let rest: Vec<&str> = groups.collect();
    let is_grouped = rest.is_empty()
        || ((1..=3).contains(&first.len())
            // `0,003` is no number of thousands: it was written with the other decimal mark.
            && !first.starts_with('0')
            && rest.iter().all(|group| group.len() == 3));
    if !is_grouped {
        return None;
    }
    let fraction = fraction.map(|fraction| format!(".{fraction}")).unwrap_or_default();
    Some(Cow::Owned(format!("{sign}{first}{}{fraction}", rest.concat())))
}

/// A whole number of at most 15 digits, also as `12.0`.
#[must_use]
pub fn whole_number(plain: &str) -> Option<i64> {
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, "0"));
    if fraction.is_empty() || fraction.bytes().any(|byte| byte != b'0') {
        return None;
    }
    let digits = whole.strip_prefix(['-', '+']).unwrap_or(whole);
    let is_short = (1..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    is_short.then(|| whole.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_by_the_style_of_the_format() {
        for (cell, style, expected) in [
            ("1,200", NumberStyle::Point, Some("1200")),
            ("1,200.50", NumberStyle::Point, Some("1200.50")),
            ("1,5", NumberStyle::Point, None),
            (",200", NumberStyle::Point, None),
            ("0,003", NumberStyle::Point, None),
            ("1.200,50", NumberStyle::Comma, Some("1200.50")),
            ("0,003", NumberStyle::Comma, Some("0.003")),
            ("0.003", NumberStyle::Comma, None),
            ("0,003", NumberStyle::Either, Some("0.003")),
            ("0.003", NumberStyle::Either, Some("0.003")),
            ("=\"0085\"", NumberStyle::Point, Some("0085")),
            ("$1.25", NumberStyle::Point, Some("1.25")),
            ("-$1.25", NumberStyle::Point, Some("-1.25")),
            ("4.27E-7", NumberStyle::Point, Some("4.27E-7")),
            (".021330", NumberStyle::Point, Some(".021330")),
        ] {
            assert_eq!(plain_decimal(cell, style).as_deref(), expected, "{cell}");
        }
    }

    #[test]
    fn a_whole_number_may_have_decimals_that_say_nothing() {
        for (text, expected) in [
            ("12", Some(12)),
            ("-3", Some(-3)),
            ("12.0", Some(12)),
            ("12.5", None),
            ("12.", None),
            ("", None),
            ("1e3", None),
            ("999999999999999", Some(999_999_999_999_999)),
            ("1000000000000000", None),
        ] {
            assert_eq!(whole_number(text), expected, "{text}");
        }
    }
}
