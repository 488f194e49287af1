//! Numbers as stores write them in statements: with separators of thousands, a decimal comma, a
//! currency sign, or as the formula that a spreadsheet makes of a text.

use std::borrow::Cow;

use crate::ingest::table::decimal_mark::DecimalMark;
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

/// What the numbers of a report say of its decimal mark, in columns that may be written with either. One
/// report is written with one: `1,234` alone is a thousand and something or one and something, beside
/// `0,50` it is the latter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MarksSeen {
    point: bool,
    comma: bool,
    open: bool,
}

/// Why nobody can say how the numbers of a report are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkDoubt {
    /// Some are written with a decimal point, others with a decimal comma.
    Both,
    /// Some may be meant either way, and no other number tells.
    Open,
}

impl MarksSeen {
    /// Takes note of what a cell says.
    #[inline(never)]
    pub fn look(&mut self, cell: &str) {
        match mark_of(cell) {
            Some(Ok(DecimalMark::Point)) => self.point = true,
            Some(Ok(DecimalMark::Comma)) => self.comma = true,
            Some(Err(())) => self.open = true,
            None => {}
        }
    }

    /// Takes note of what other cells say.
    pub fn add(&mut self, other: Self) {
        self.point |= other.point;
        self.comma |= other.comma;
        self.open |= other.open;
    }

    /// The mark of the report; `None` where no number has any.
    ///
    /// # Errors
    /// [`MarkDoubt`].
    pub fn decided(self) -> Result<Option<DecimalMark>, MarkDoubt> {
        match (self.point, self.comma) {
            (true, true) => Err(MarkDoubt::Both),
            (true, false) => Ok(Some(DecimalMark::Point)),
            (false, true) => Ok(Some(DecimalMark::Comma)),
            (false, false) if self.open => Err(MarkDoubt::Open),
            (false, false) => Ok(None),
        }
    }

    /// The mark of the report, if numbers that may be meant either way were read by the other one (`by`).
    #[must_use]
    pub fn misread(self, by: DecimalMark) -> Option<DecimalMark> {
        self.decided().ok().flatten().filter(|mark| self.open && *mark != by)
    }
}

/// The decimal mark that a number proves, `Err` where it may be either, `None` where it has no mark.
fn mark_of(cell: &str) -> Option<Result<DecimalMark, ()>> {
    // Most numbers of a statement are whole.
    if !cell.bytes().any(|byte| byte == b'.' || byte == b',') {
        return None;
    }
    let cell = bare(cell);
    let cell = cell.trim_start_matches(['-', '+', '$', '\u{20ac}', '\u{a3}']);
    let (n_points, n_commas) = (cell.matches('.').count(), cell.matches(',').count());
    let last = cell.rfind(['.', ','])?;
    let is_comma = cell[last..].starts_with(',');
    let this = if is_comma { DecimalMark::Comma } else { DecimalMark::Point };
    let other = if is_comma { DecimalMark::Point } else { DecimalMark::Comma };
    let n_this = if is_comma { n_commas } else { n_points };
    if 1 < n_this {
        // Between thousands it may come again, before decimals never.
        return Some(Ok(other));
    }
    if n_points != 0 && n_commas != 0 {
        return Some(Ok(this));
    }
    let (whole, fraction) = (&cell[..last], &cell[last + 1..]);
    let is_group = fraction.len() == 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let may_be_thousands = is_group && (1..=3).contains(&whole.len()) && !whole.starts_with('0');
    Some(if may_be_thousands { Err(()) } else { Ok(this) })
}

/// A number without currency signs and spaces around it.
fn bare(cell: &str) -> &str {
    // Signs and spaces stand at the ends only, and most numbers have none.
    if let [first, .., last] = cell.as_bytes()
        && first.is_ascii_digit()
        && last.is_ascii_digit()
    {
        return cell;
    }
    unwrapped(cell).trim_matches(['$', '\u{20ac}', '\u{a3}', '\u{a0}', ' '])
}

/// A number with a decimal point and nothing between thousands; `None` if separators do not stand
/// where they stand in a number, since `1,5` read as 15 would be a guess. `by` is the mark of the report for
/// numbers of [`NumberStyle::Either`] that prove none.
#[must_use]
pub fn plain_decimal(cell: &str, style: NumberStyle, by: DecimalMark) -> Option<Cow<'_, str>> {
    let cell = bare(cell);
    let is_plain = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    if style == NumberStyle::Point && cell.bytes().all(is_plain) {
        return Some(Cow::Borrowed(cell));
    }
    decimal_by(cell, style, by)
}

/// The same for all but the usual number; kept apart so that the usual one is short.
#[inline(never)]
fn decimal_by(cell: &str, style: NumberStyle, by: DecimalMark) -> Option<Cow<'_, str>> {
    let mark = match style {
        NumberStyle::Point => DecimalMark::Point,
        NumberStyle::Comma => DecimalMark::Comma,
        NumberStyle::Either => mark_of(cell).and_then(Result::ok).unwrap_or(by),
    };
    let is_plain = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    if mark == DecimalMark::Point && cell.bytes().all(is_plain) {
        return Some(Cow::Borrowed(cell));
    }
    let (decimal, thousands) = match mark {
        DecimalMark::Point => ('.', ','),
        DecimalMark::Comma => (',', '.'),
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

/// A whole number of at most 15 digits that is written with nothing else, but for a minus before them. No
/// mark and no style makes it another one.
#[must_use]
#[inline]
pub fn short_whole(cell: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match cell {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, cell),
    };
    if digits.is_empty() || 15 < digits.len() {
        return None;
    }
    let add = |number: i64, byte: &u8| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| number * 10 + i64::from(digit))
    };
    let number = digits.iter().try_fold(0, add)?;
    Some(if is_negative { -number } else { number })
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
    use proptest::prelude::*;

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
            let by = DecimalMark::Point;
            assert_eq!(plain_decimal(cell, style, by).as_deref(), expected, "{cell}");
        }
    }

    #[test]
    fn a_number_proves_its_mark_or_is_read_by_that_of_its_report() {
        use DecimalMark::{Comma, Point};
        for (cell, mark) in [
            ("12", None),
            ("0,50", Some(Ok(Comma))),
            ("-1.5", Some(Ok(Point))),
            ("1.234.567", Some(Ok(Comma))),
            ("1,234,567", Some(Ok(Point))),
            ("1.234,5", Some(Ok(Comma))),
            ("1,234.567", Some(Ok(Point))),
            ("0,123", Some(Ok(Comma))),
            (".123", Some(Ok(Point))),
            ("1234,567", Some(Ok(Comma))),
            ("\u{20ac} 1,234", Some(Err(()))),
            ("-999.999", Some(Err(()))),
            ("4.27E-7", Some(Ok(Point))),
        ] {
            assert_eq!(mark_of(cell), mark, "{cell}");
        }
        let read = |cell, by| plain_decimal(cell, NumberStyle::Either, by).unwrap().into_owned();
        assert_eq!((read("1.234", Point), read("1.234", Comma)), ("1.234".into(), "1234".into()));
        assert_eq!((read("1,234", Point), read("1,234", Comma)), ("1234".into(), "1.234".into()));
        assert_eq!(read("0,5", Point), "0.5");
    }

    #[test]
    fn all_numbers_of_a_report_together_settle_its_mark() {
        let seen = |cells: &[&str]| {
            let mut seen = MarksSeen::default();
            cells.iter().for_each(|cell| seen.look(cell));
            seen
        };
        assert_eq!(seen(&["7", ""]).decided(), Ok(None));
        assert_eq!(seen(&["1.234", "0,5"]).decided(), Ok(Some(DecimalMark::Comma)));
        let misread = |cells: &[&str]| seen(cells).misread(DecimalMark::Point);
        assert_eq!(misread(&["1.234", "0,5"]), Some(DecimalMark::Comma));
        assert_eq!(misread(&["1.234", "0.5"]), None);
        assert_eq!(misread(&["0,5"]), None);
        assert_eq!(seen(&["1.234"]).decided(), Err(MarkDoubt::Open));
        assert_eq!(seen(&["1.234", "0,5", "0.5"]).decided(), Err(MarkDoubt::Both));
    }

    proptest! {
        /// The short way to a whole number and the long one agree on anything, by any style and mark.
        #[test]
        fn short_whole_numbers_are_those_of_any_length(cell in "[-+]?[0-9]{0,17}[.,]?[0-9]{0,2}|.{0,4}") {
            if let Some(number) = short_whole(cell.as_bytes()) {
                for style in [NumberStyle::Point, NumberStyle::Comma, NumberStyle::Either] {
                    for by in [DecimalMark::Point, DecimalMark::Comma] {
                        let plain = plain_decimal(&cell, style, by);
                        prop_assert_eq!(plain.and_then(|text| whole_number(&text)), Some(number));
                    }
                }
                prop_assert_eq!(mark_of(&cell), None);
            }
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
