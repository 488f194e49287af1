//! Reads lines that are JSON objects, by the names of their keys.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::ingest::table::quotes::LineFault;
use crate::numbers::exact;

/// Texts, numbers and truth values of an object, by the names of the columns; `null` is empty.
pub(super) fn cut_json(
    line: &[u8],
    names: &[String],
    text: &mut Vec<u8>,
    cells: &mut Vec<(u32, u32)>,
) -> Result<(), LineFault> {
    text.clear();
    cells.clear();
    cells.resize(names.len(), (0, 0));
    let mut deserializer = serde_json::Deserializer::from_slice(line);
    let mut has_floats = false;
    let object = JsonObject { names, text, cells, has_floats: &mut has_floats };
    Deserializer::deserialize_map(&mut deserializer, object)
        .and_then(|()| deserializer.end())
        .map_err(|_| LineFault::Json)?;
    if has_floats {
        take_numbers(line, names, text, cells);
    }
    Ok(())
}

/// Reads the wanted keys of an object into one text.
struct JsonObject<'a> {
    names: &'a [String],
    text: &'a mut Vec<u8>,
    cells: &'a mut Vec<(u32, u32)>,
    /// Set where a number was read that is no whole one of 64 bits: not as it is written.
    has_floats: &'a mut bool,
}

/// Takes the numbers of an object as they are written: `1e2` is no `100`, and no digit is lost. The line
/// is an object, as it was read before.
fn take_numbers(line: &[u8], names: &[String], text: &mut Vec<u8>, cells: &mut [(u32, u32)]) {
    let mut at = skip(line, 0, b" \t\r\n{");
    while line.get(at) == Some(&b'"') {
        let key = at..end_of_value(line, at);
        let value_at = skip(line, key.end, b" \t\r\n:");
        let value = value_at..end_of_value(line, value_at);
        let first = line.get(value_at).copied().unwrap_or_default();
        if first == b'-' || first.is_ascii_digit() {
            let key: Option<Cow<'_, str>> = serde_json::from_slice(&line[key]).ok();
            let is_key = |name: &&String| Some(name.as_str()) == key.as_deref();
            if let Some(place) = names.iter().position(|name| is_key(&name)) {
                let start = text.len();
                text.extend_from_slice(&line[value.clone()]);
                let place_of = |n: usize| exact::<u32>(n);
                cells[place] = (place_of(start), place_of(text.len()));
            }
        }
        at = skip(line, value.end, b" \t\r\n,");
    }
}

/// The first place from here on where none of these bytes stands.
fn skip(line: &[u8], from: usize, bytes: &[u8]) -> usize {
    let rest = line.get(from..).unwrap_or_default();
    from + rest.iter().take_while(|byte| bytes.contains(byte)).count()
}

/// Where the value that begins here ends.
fn end_of_value(line: &[u8], from: usize) -> usize {
    let (mut depth, mut in_text, mut is_escaped) = (0_u32, false, false);
    for (at, byte) in line.iter().enumerate().skip(from) {
        if in_text {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
            if !in_text && depth == 0 {
                return at + 1;
            }
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' | b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => return at,
            b'}' | b']' if depth == 1 => return at + 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
    }
    line.len()
}

impl<'de> Visitor<'de> for JsonObject<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = 0_u128;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match self.names.iter().position(|name| **name == *key) {
                None => drop(map.next_value::<IgnoredAny>()?),
                Some(place) => {
                    // Which of two values is meant nobody can say.
                    let bit = 1_u128.checked_shl(exact(place));
                    if bit.is_none_or(|bit| seen & bit != 0) {
                        return Err(serde::de::Error::custom("a key that is there twice"));
                    }
                    seen |= bit.map_or(0, |bit| bit);
                    let start = self.text.len();
                    map.next_value_seed(RecordCell(self.text, self.has_floats))?;
                    let place_of = |n: usize| exact::<u32>(n);
                    self.cells[place] = (place_of(start), place_of(self.text.len()));
                }
            }
        }
        Ok(())
    }
}

/// Appends a plain value; lists and objects are no cells and stay empty.
struct RecordCell<'a>(&'a mut Vec<u8>, &'a mut bool);

impl<'de> DeserializeSeed<'de> for RecordCell<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for RecordCell<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.0.extend_from_slice(value.as_bytes());
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.0.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.0.extend_from_slice(value.to_string().as_bytes());
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.0.extend_from_slice(value.to_string().as_bytes());
        Ok(())
    }

    /// What it is as a float is not what is written.
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        *self.1 = true;
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The cells of one JSON line; `None` if it is none.
    fn json_cells(line: &str, names: &[&str]) -> Option<Vec<String>> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let (mut text, mut cells) = (Vec::new(), Vec::new());
        cut_json(line.as_bytes(), &names, &mut text, &mut cells).ok()?;
        let cell = |(start, end): &(u32, u32)| {
            String::from_utf8(text[*start as usize..*end as usize].to_vec()).unwrap()
        };
        Some(cells.iter().map(cell).collect())
    }

    #[test]
    fn numbers_of_json_pass_as_they_are_written() {
        let line = r#"{ "a\u0020b" : [1.5, {"n": "}\"]"}], "x":"1.50","n" : 0.10, "m":12345678901234567890123, "e":1E2 ,"z":-0}"#;
        let cells = json_cells(line, &["n", "m", "e", "z", "x", "a b"]).unwrap();
        assert_eq!(cells, ["0.10", "12345678901234567890123", "1E2", "-0", "1.50", ""]);
        assert_eq!(json_cells(r#"{"n":01}"#, &["n"]), None);
        assert_eq!(json_cells(r#"{"n":1.}"#, &["n"]), None);
    }

    proptest! {
        /// Any digits as a bare number read as the same digits in quotes.
        #[test]
        fn a_bare_number_is_the_text_of_it(
            whole in "-?(0|[1-9][0-9]{0,30})",
            rest in "(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?",
            before in "[a-z{}\\[\\],: ]{0,8}",
        ) {
            let number = format!("{whole}{rest}");
            // Beyond the range of a float is no number of JSON's.
            prop_assume!(number.parse::<f64>().unwrap().is_finite());
            let bare = format!("{{\"t\": \"{before}\", \"n\": {number}}}");
            let quoted = format!("{{\"t\": \"{before}\", \"n\": \"{number}\"}}");
            let cells = json_cells(&bare, &["n", "t"]);
            prop_assert_eq!(&cells, &json_cells(&quoted, &["n", "t"]));
            prop_assert_eq!(&cells.unwrap()[0], &number);
        }
    }
}
