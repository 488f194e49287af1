//! `GRid`: the Global Release Identifier of the music business (a standard of IFPI): `A1`, five characters
//! of the issuer, ten of the release, and a check character by ISO/IEC 7064, Mod 37,36.

/// Length without hyphens.
const LENGTH: usize = 18;

/// A release identifier: 18 letters and digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid([u8; LENGTH]);

impl Grid {
    /// Reads one in any case, with or without hyphens, spaces and `GRID:`; `None` if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let prefix = text.get(..5).filter(|prefix| prefix.eq_ignore_ascii_case("grid:"));
        let text = prefix.map_or(text, |prefix| &text[prefix.len()..]);
        let mut code = [0; LENGTH];
        let mut n_characters = 0;
        for byte in text.bytes().filter(|byte| !b"- ".contains(byte)) {
            let place = code.get_mut(n_characters)?;
            *place = byte.to_ascii_uppercase();
            n_characters += 1;
        }
        (n_characters == LENGTH && code.starts_with(b"A1") && is_checked(&code))
            .then_some(Self(code))
    }

    /// The 18 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Whether the last character is the check character of those before it.
fn is_checked(code: &[u8; LENGTH]) -> bool {
    let mut product = 36_u32;
    for byte in &code[..LENGTH - 1] {
        let Some(value) = char::from(*byte).to_digit(36) else {
            return false;
        };
        let sum = (product + value) % 36;
        product = (if sum == 0 { 36 } else { sum }) * 2 % 37;
    }
    let check = char::from(code[LENGTH - 1]).to_digit(36);
    check.is_some_and(|check| (product + check) % 36 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the standard.
    const EXAMPLE: &str = "A12425GABC1234002M";

    #[test]
    fn the_example_of_the_standard_is_one_however_it_is_written() {
        for text in [
            EXAMPLE,
            "A1-2425G-ABC1234002-M",
            "grid:a1-2425g-abc1234002-m",
            " A1 2425G ABC1234002 M",
        ] {
            assert_eq!(
                Grid::parse(text).map(|grid| grid.as_str().to_owned()).as_deref(),
                Some(EXAMPLE),
                "{text}"
            );
        }
    }

    #[test]
    fn one_wrong_character_is_noticed() {
        for place in 2..EXAMPLE.len() {
            let other = if EXAMPLE.as_bytes()[place] == b'7' { "8" } else { "7" };
            let mut wrong = EXAMPLE.to_owned();
            wrong.replace_range(place..=place, other);
            assert_eq!(Grid::parse(&wrong), None, "{wrong}");
        }
        for text in
            ["", "A1", "B12425GABC1234002M", "A12425GABC1234002MX", "A12425GABC123400\u{e9}M"]
        {
            assert_eq!(Grid::parse(text), None, "{text}");
        }
    }
}
