//! What makes a report the same report: its bytes, its store, and what its format reads from its name.
//!
//! Small and steady catalogues make equal files every day, and some formats say their date in the name
//! alone: the same bytes under two dates are two reports. A name that the format does not read changes
//! nothing: the same bytes under two such names are one report that came twice.

use std::collections::BTreeMap;

/// What a format reads from the name of a file, by the name of the field (`date`, `isrc`, `territory`),
/// as it is written there.
pub type NameFacts = BTreeMap<String, String>;

/// The id of a report; orders as its bytes. The tables show its first 16 hex digits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReportId(pub [u8; 32]);

impl ReportId {
    /// The id of a report with this BLAKE3 hash of its uncompressed bytes: the BLAKE3 of the hash in hex,
    /// the store, and each fact as `key=value`, a line feed after each.
    #[must_use]
    pub fn new(hash: &[u8; 32], store: &str, facts: &NameFacts) -> Self {
        let mut hasher = blake3::Hasher::new();
        let mut line = |text: &str| {
            hasher.update(text.as_bytes()).update(b"\n");
        };
        line(&hex::encode(hash));
        line(store);
        for (key, value) in facts {
            line(&format!("{key}={value}"));
        }
        Self(hasher.finalize().into())
    }

    /// 64 hex digits.
    #[must_use]
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }

    /// Reads 64 hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        hex::decode(text).ok()?.try_into().ok().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn facts(pairs: &[(&str, &str)]) -> NameFacts {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_id_is_the_hash_of_the_lines_that_the_documentation_gives() {
        let hash = *blake3::hash(b"day\tisrc\n").as_bytes();
        let lines = format!("{}\nmeta\ndate=20260901\nisrc=ZZSL12600001\n", hex::encode(hash));
        let id =
            ReportId::new(&hash, "meta", &facts(&[("isrc", "ZZSL12600001"), ("date", "20260901")]));
        assert_eq!(id.0, *blake3::hash(lines.as_bytes()).as_bytes());
        assert_eq!(ReportId::parse(&id.to_hex()), Some(id));
        assert_eq!(ReportId::parse("abc"), None);
    }

    proptest! {
        #[test]
        fn another_byte_store_or_fact_is_another_report(
            one in (any::<[u8; 32]>(), "[a-z_]{1,8}", prop::collection::btree_map("[a-z]{1,6}", "[A-Z0-9]{1,8}", 0..3)),
            other in (any::<[u8; 32]>(), "[a-z_]{1,8}", prop::collection::btree_map("[a-z]{1,6}", "[A-Z0-9]{1,8}", 0..3)),
        ) {
            let id = |(hash, store, facts): &([u8; 32], String, NameFacts)| ReportId::new(hash, store, facts);
            prop_assert_eq!(id(&one) == id(&other), one == other);
            let same_bytes = (one.0, other.1, other.2);
            prop_assert_eq!(id(&one) == id(&same_bytes), one == same_bytes);
        }
    }
}
