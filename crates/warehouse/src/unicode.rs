//! Reports in UTF-16, as spreadsheets save them: told by their byte order mark, made UTF-8 block by
//! block, and handed on in whole lines.

use encoding_rs::{CoderResult, Decoder, UTF_16BE, UTF_16LE};

/// Decodes a report.
#[derive(Debug)]
pub struct Utf16 {
    decoder: Decoder,
    /// What was begun of a line.
    text: String,
}

impl Utf16 {
    /// A decoder, if the first bytes of a report are a byte order mark of UTF-16.
    #[must_use]
    pub fn of(first_bytes: &[u8]) -> Option<Self> {
        let encoding = match first_bytes {
            [0xff, 0xfe, ..] => UTF_16LE,
            [0xfe, 0xff, ..] => UTF_16BE,
            _ => return None,
        };
        Some(Self { decoder: encoding.new_decoder_with_bom_removal(), text: String::new() })
    }

    /// Takes the next bytes and hands on the lines that they end. Bytes that are no text become the
    /// replacement character.
    pub fn decode(&mut self, bytes: &[u8], mut take: impl FnMut(&[u8])) {
        self.append(bytes, false);
        if let Some(feed) = self.text.rfind('\n') {
            take(&self.text.as_bytes()[..=feed]);
            self.text.drain(..=feed);
        }
    }

    /// Hands on what is left.
    pub fn finish(&mut self, mut take: impl FnMut(&[u8])) {
        self.append(b"", true);
        if !self.text.is_empty() {
            take(self.text.as_bytes());
            self.text.clear();
        }
    }

    fn append(&mut self, mut bytes: &[u8], is_last: bool) {
        loop {
            let more = self.decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(bytes.len() * 3);
            self.text.reserve(more);
            let (result, n_read, _) = self.decoder.decode_to_string(bytes, &mut self.text, is_last);
            bytes = &bytes[n_read..];
            if result == CoderResult::InputEmpty {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_wherever_the_blocks_end() {
        let text = "a\tb\u{1d11e}\r\nc\u{e9}\td\nlast";
        for is_big in [false, true] {
            let mut bytes: Vec<u8> = Vec::new();
            for unit in std::iter::once(0xfeff).chain(text.encode_utf16()) {
                bytes.extend(if is_big { unit.to_be_bytes() } else { unit.to_le_bytes() });
            }
            for size in 1..bytes.len() {
                let mut decoder = Utf16::of(&bytes).unwrap();
                let mut blocks: Vec<String> = Vec::new();
                let mut take = |block: &[u8]| {
                    blocks.push(String::from_utf8(block.to_vec()).unwrap());
                };
                bytes.chunks(size).for_each(|chunk| decoder.decode(chunk, &mut take));
                decoder.finish(&mut take);
                assert_eq!(blocks.concat(), text, "{size}");
                assert!(blocks[..blocks.len() - 1].iter().all(|block| block.ends_with('\n')));
            }
        }
        assert!(Utf16::of(b"\xef\xbb\xbfday").is_none());
    }
}
