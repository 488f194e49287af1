//! Territory: where a play happened, as ISO 3166-1 alpha-2, or `XK` (Kosovo, user-assigned).
//!
//! Stores also write codes that are not ISO's (`UK`). Which mean what is configuration; each use of
//! an alias is counted, so that a store's habit is seen.

pub mod set;
use std::collections::BTreeMap;

/// A territory code, two upper-case letters. Orders as its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Territory([u8; 2]);

impl Territory {
    /// The two letters as one number, for storage; never 0.
    #[must_use]
    pub fn packed(self) -> u16 {
        u16::from_be_bytes(self.0)
    }

    /// Reads what [`Territory::packed`] wrote; 0 is none.
    #[must_use]
    pub fn from_packed(packed: u16) -> Option<Self> {
        (packed != 0).then(|| Self(packed.to_be_bytes()))
    }

    /// The two letters.
    #[must_use]
    pub fn to_text(self) -> [u8; 2] {
        self.0
    }
}

/// What a territory cell turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TerritoryCell {
    /// The store gave none.
    Empty,
    /// A code of the standard.
    Known(Territory),
    /// Another spelling, which the configuration maps to this code.
    Aliased(Territory),
    /// Neither: the cell becomes null and is counted.
    Wrong,
}

/// An alias in the configuration that names no territory.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("territory alias `{alias}` stands for `{code}`, which is not an ISO 3166-1 alpha-2 code")]
pub struct WrongAlias {
    /// The spelling of the store.
    pub alias: String,
    /// What it was to mean.
    pub code: String,
}

/// Looks up territory cells: the codes of ISO 3166-1 and the configured aliases.
#[derive(Debug, Clone)]
pub struct TerritoryTable {
    /// By the packed cell of two characters: what it means, 0 for nothing.
    two_letters: Vec<u16>,
    /// Aliases of any other length, upper-cased.
    longer: BTreeMap<Vec<u8>, Territory>,
}

impl TerritoryTable {
    /// Builds the lookup from the aliases of the configuration (`UK` -> `GB`), in any case.
    ///
    /// # Errors
    /// [`WrongAlias`] for each alias that stands for no ISO 3166-1 code.
    pub fn new(aliases: &BTreeMap<String, String>) -> Result<Self, Vec<WrongAlias>> {
        let mut two_letters = vec![0_u16; 1 << 16];
        for country in celes::Country::get_countries() {
            if let Ok(code) = <[u8; 2]>::try_from(country.alpha2.as_bytes()) {
                two_letters[usize::from(u16::from_be_bytes(code))] = u16::from_be_bytes(code);
            }
        }
        let codes = two_letters.clone();
        let mut longer = BTreeMap::new();
        let mut wrong = Vec::new();
        for (alias, code) in aliases {
            let target = <[u8; 2]>::try_from(code.as_bytes()).ok().and_then(|letters| {
                Territory::from_packed(codes[usize::from(u16::from_be_bytes(letters))])
            });
            let Some(territory) = target else {
                wrong.push(WrongAlias { alias: alias.clone(), code: code.clone() });
                continue;
            };
            let alias = alias.trim().to_ascii_uppercase().into_bytes();
            if let Ok(letters) = <[u8; 2]>::try_from(alias.as_slice()) {
                two_letters[usize::from(u16::from_be_bytes(letters))] = territory.packed();
            } else {
                longer.insert(alias, territory);
            }
        }
        if wrong.is_empty() { Ok(Self { two_letters, longer }) } else { Err(wrong) }
    }

    /// The territory of an English name or a code of three letters, in any case. Statements of
    /// distributors name countries so.
    #[must_use]
    pub fn look_up_name(&self, name: &str) -> Option<Territory> {
        let letters: String = name.chars().filter(|c| c.is_alphabetic()).collect();
        let country =
            (2 < letters.len()).then(|| letters.parse::<celes::Country>().ok()).flatten()?;
        let code = <[u8; 2]>::try_from(country.alpha2.as_bytes()).ok()?;
        Territory::from_packed(self.two_letters[usize::from(u16::from_be_bytes(code))])
    }

    /// The territory of a number of ISO 3166-1, which is also the country's number in the TIS (CISAC's
    /// Territory Information System), of at most four digits. Numbers of larger territories and of
    /// countries that are no more are none.
    #[must_use]
    pub fn look_up_tis(&self, cell: &[u8]) -> Option<Territory> {
        let digits = std::str::from_utf8(cell).ok()?;
        let is_number = (1..=4).contains(&digits.len()) && cell.iter().all(u8::is_ascii_digit);
        let number: usize = is_number.then(|| digits.parse().ok()).flatten()?;
        let country = celes::Country::from_value(number).ok()?;
        let code = <[u8; 2]>::try_from(country.alpha2.as_bytes()).ok()?;
        Territory::from_packed(self.two_letters[usize::from(u16::from_be_bytes(code))])
    }

    /// What a trimmed cell means, in any case.
    #[must_use]
    pub fn look_up(&self, cell: &[u8]) -> TerritoryCell {
        if let &[first, second] = cell {
            let letters =
                u16::from_be_bytes([first.to_ascii_uppercase(), second.to_ascii_uppercase()]);
            let meaning = self.two_letters[usize::from(letters)];
            return match Territory::from_packed(meaning) {
                Some(territory) if meaning == letters => TerritoryCell::Known(territory),
                Some(territory) => TerritoryCell::Aliased(territory),
                None => TerritoryCell::Wrong,
            };
        }
        if cell.is_empty() {
            return TerritoryCell::Empty;
        }
        self.longer
            .get(&cell.to_ascii_uppercase())
            .map_or(TerritoryCell::Wrong, |territory| TerritoryCell::Aliased(*territory))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn territories() -> TerritoryTable {
        let aliases = [("UK", "GB"), ("usa", "US")].map(|(a, c)| (a.to_owned(), c.to_owned()));
        TerritoryTable::new(&aliases.into()).unwrap()
    }

    fn known(code: [u8; 2]) -> TerritoryCell {
        TerritoryCell::Known(Territory(code))
    }

    #[test]
    fn codes_of_the_standard_and_kosovo_are_known_in_any_case() {
        assert_eq!(territories().look_up(b"DE"), known(*b"DE"));
        assert_eq!(territories().look_up(b"de"), known(*b"DE"));
        assert_eq!(territories().look_up(b"XK"), known(*b"XK"));
    }

    #[test]
    fn the_standard_has_249_codes_and_kosovo_is_added() {
        let territories = territories();
        let upper_case = (b'A'..=b'Z').flat_map(|a| (b'A'..=b'Z').map(move |b| [a, b]));
        let n_known = upper_case.filter(|code| territories.look_up(code) == known(*code)).count();
        assert_eq!(n_known, 250);
    }

    #[test]
    fn a_number_of_the_tis_is_that_of_its_country() {
        assert_eq!(territories().look_up_tis(b"276"), Some(Territory(*b"DE")));
        assert_eq!(territories().look_up_tis(b"840"), Some(Territory(*b"US")));
        assert_eq!(territories().look_up_tis(b"36"), Some(Territory(*b"AU")));
        // The world, and what is no number.
        for cell in [&b"2136"[..], b"", b"DE", b"-4", b"00276"] {
            assert_eq!(territories().look_up_tis(cell), None, "{cell:?}");
        }
    }

    #[test]
    fn an_alias_is_told_from_a_code() {
        assert_eq!(territories().look_up(b"uk"), TerritoryCell::Aliased(Territory(*b"GB")));
        assert_eq!(territories().look_up(b"USA"), TerritoryCell::Aliased(Territory(*b"US")));
    }

    #[test]
    fn what_is_neither_is_wrong_and_nothing_is_empty() {
        for cell in [&b"ZZ"[..], b"EU", b"D", b"DEU", b"\x00\x00"] {
            assert_eq!(territories().look_up(cell), TerritoryCell::Wrong, "{cell:?}");
        }
        assert_eq!(territories().look_up(b""), TerritoryCell::Empty);
    }

    #[test]
    fn an_alias_for_no_territory_is_rejected() {
        let aliases = [("UK".to_owned(), "ZZ".to_owned())].into();
        let wrong = TerritoryTable::new(&aliases).unwrap_err();
        assert_eq!(
            wrong[0].to_string(),
            "territory alias `UK` stands for `ZZ`, which is not an ISO 3166-1 alpha-2 code"
        );
    }
}
