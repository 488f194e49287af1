//! Names of files, which are bytes, as text: in the inbox and in zip archives.

/// A name as text. Bytes that are not UTF-8 are shown as `\xNN`, and so is a backslash before what would
/// look like that: different names are shown differently.
#[must_use]
pub fn shown_bytes(name: &[u8]) -> String {
    let mut shown = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some((before, after)) = rest.split_once('\\') {
            shown.push_str(before);
            let is_like_ours = after
                .as_bytes()
                .first_chunk::<3>()
                .is_some_and(|next| next[0] == b'x' && next[1..].iter().all(u8::is_ascii_hexdigit));
            shown.push_str(if is_like_ours { "\\x5c" } else { "\\" });
            rest = after;
        }
        shown.push_str(rest);
        for byte in chunk.invalid() {
            shown.push_str("\\x");
            shown.push_str(&hex::encode([*byte]));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is shown, back to bytes.
    fn bytes_of(shown: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = shown.as_bytes();
        while let Some((first, after)) = rest.split_first() {
            let escaped = rest.strip_prefix(b"\\x").and_then(|digits| digits.first_chunk::<2>());
            if let Some(byte) = escaped.and_then(|digits| hex::decode(digits).ok()) {
                bytes.extend(byte);
                rest = &rest[4..];
            } else {
                bytes.push(*first);
                rest = after;
            }
        }
        bytes
    }

    #[test]
    fn what_is_not_utf8_is_shown_by_its_number() {
        assert_eq!(shown_bytes(b"a\xff.tsv"), "a\\xff.tsv");
        assert_eq!(shown_bytes(b"a\\xff.tsv"), "a\\x5cxff.tsv");
        assert_eq!(shown_bytes("caf\u{e9}\\b".as_bytes()), "caf\u{e9}\\b");
    }

    proptest! {
        #[test]
        fn names_are_shown_so_that_their_bytes_can_be_told(
            name in prop::collection::vec(
                prop::sample::select(b"\\\\\\xxaf05g\xff\xc3\xa9\x80".to_vec()), 0..12,
            ),
        ) {
            prop_assert_eq!(bytes_of(&shown_bytes(&name)), name);
        }
    }
}
