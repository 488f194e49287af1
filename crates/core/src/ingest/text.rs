//! The text of a report as its bytes come in: UTF-16 becomes UTF-8, a byte order mark is dropped, and a
//! carriage return by itself ends a line as a line feed does, so that readers see LF and CRLF only.
//!
//! Lines are counted here, before anything is rewritten, and again by whoever reads the rows: where the
//! two numbers differ, the program has lost or made up a line, and the report is not ingested. A line
//! has a longest length in text, not in bytes of the file, since a byte of UTF-16 says nothing by
//! itself: half of U+0A05 is a line feed.

use encoding_rs::{CoderResult, Decoder, UTF_16BE, UTF_16LE};

/// Longest line that is read, in bytes of UTF-8, so that a file without line ends cannot fill the
/// memory.
pub const LINE_BYTES_MAX: usize = 16 << 20;

/// Bytes of UTF-16 that are decoded before line ends are looked for.
const DECODED_AT_ONCE: usize = 256 << 10;

/// Why the bytes of a report are no text of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// There is no line end for too long.
    #[error(
        "the line that starts at byte {starts_at} is longer than 16 MiB: from there on the file has no \
         line ends (LF, CR LF or CR), or is no text; fetch it again, or keep it out of the inbox"
    )]
    LongLine {
        /// Byte of the unpacked file, from 0.
        starts_at: u64,
    },
}

/// Whether the first bytes of a report are a byte order mark of UTF-16.
#[must_use]
pub fn is_utf16(first_bytes: &[u8]) -> bool {
    matches!(first_bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..])
}

/// One past the last line end of the bytes; `None` if there is none. A carriage return that is the
/// last byte of all is none yet: a line feed may follow.
#[must_use]
pub fn after_last_line_end(bytes: &[u8]) -> Option<usize> {
    let known = match bytes {
        [before @ .., b'\r'] => before,
        _ => bytes,
    };
    memchr::memrchr2(b'\n', b'\r', known).map(|place| place + 1)
}

/// One past the first line end of the bytes; `None` as for [`after_last_line_end`].
#[must_use]
pub fn after_first_line_end(bytes: &[u8]) -> Option<usize> {
    let place = memchr::memchr2(b'\n', b'\r', bytes)?;
    match bytes[place..] {
        [b'\n', ..] => Some(place + 1),
        [_, b'\n', ..] => Some(place + 2),
        [_] => None,
        _ => Some(place + 1),
    }
}

/// Makes text of the bytes of one report, block by block, and counts its lines.
#[derive(Debug, Default)]
pub struct ReportText {
    utf16: Option<Box<Utf16Decoder>>,
    is_begun: bool,
    /// Bytes of the report that were taken.
    n_bytes: u64,
    lines: LineEnds,
    error: Option<TextError>,
}

impl ReportText {
    /// Takes a block and hands on the whole lines of it as text. A block of UTF-16 may end anywhere;
    /// one of other text ends with a line end, or it is the last one of the report.
    ///
    /// # Errors
    /// [`TextError`]: no more can be read of the report, and nothing more is handed on.
    pub fn take(&mut self, block: &[u8], mut take: impl FnMut(&[u8])) -> Result<(), TextError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if block.is_empty() {
            return Ok(());
        }
        self.n_bytes += block.len() as u64;
        let mut block = block;
        if !self.is_begun {
            self.is_begun = true;
            self.utf16 = Utf16Decoder::of(block).map(Box::new);
            block = block.strip_prefix(b"\xef\xbb\xbf").unwrap_or(block);
        }
        let lines = &mut self.lines;
        let taken = if let Some(utf16) = &mut self.utf16 {
            utf16.decode(block, |text| take(lines.take(text)))
        } else {
            take(lines.take(block));
            Ok(())
        };
        if let Err(n_bytes_of_line) = taken {
            let starts_at = self.n_bytes.abs_diff(n_bytes_of_line);
            let error = TextError::LongLine { starts_at };
            self.error = Some(error);
            return Err(error);
        }
        Ok(())
    }

    /// Hands on what is left.
    pub fn finish(&mut self, mut take: impl FnMut(&[u8])) {
        if let (Some(utf16), None) = (&mut self.utf16, self.error) {
            let lines = &mut self.lines;
            utf16.finish(|text| take(lines.take(text)));
        }
    }

    /// Lines of the text so far; the last one may lack its end.
    #[must_use]
    pub fn n_lines(&self) -> u64 {
        self.lines.n_ended + u64::from(self.lines.is_in_line)
    }
}

/// Counts line ends, and makes line feeds of carriage returns that are alone.
#[derive(Debug, Default)]
struct LineEnds {
    n_ended: u64,
    /// The text so far does not end with a line end.
    is_in_line: bool,
    /// The block with other line ends; keeps its memory.
    rewritten: Vec<u8>,
}

impl LineEnds {
    /// Takes a block that ends with a line end, or with the report.
    fn take<'a>(&'a mut self, block: &'a [u8]) -> &'a [u8] {
        self.n_ended += memchr::memchr_iter(b'\n', block).count() as u64;
        self.is_in_line = !matches!(block.last(), None | Some(b'\n' | b'\r'));
        let is_alone = |place: &usize| block.get(place + 1) != Some(&b'\n');
        let mut alone = memchr::memchr_iter(b'\r', block).filter(is_alone);
        let Some(first) = alone.next() else {
            return block;
        };
        self.rewritten.clear();
        self.rewritten.extend_from_slice(block);
        for place in std::iter::once(first).chain(alone) {
            self.rewritten[place] = b'\n';
            self.n_ended += 1;
        }
        &self.rewritten
    }
}

/// Decodes UTF-16 and hands it on in whole lines.
#[derive(Debug)]
struct Utf16Decoder {
    decoder: Decoder,
    /// What was begun of a line.
    text: String,
    /// So much of it was looked through for line ends.
    n_searched: usize,
}

impl Utf16Decoder {
    /// A decoder, if the first bytes of a report are a byte order mark of UTF-16.
    fn of(first_bytes: &[u8]) -> Option<Self> {
        let encoding = match first_bytes {
            [0xff, 0xfe, ..] => UTF_16LE,
            [0xfe, 0xff, ..] => UTF_16BE,
            _ => return None,
        };
        let decoder = encoding.new_decoder_with_bom_removal();
        Some(Self { decoder, text: String::new(), n_searched: 0 })
    }

    /// Takes the next bytes and hands on the lines that they end. Bytes that are no text become the
    /// replacement character. An error is how long the line is that is too long, in bytes of UTF-16, with
    /// all that was given here.
    fn decode(&mut self, bytes: &[u8], mut take: impl FnMut(&[u8])) -> Result<(), u64> {
        let mut n_left = bytes.len();
        for bytes in bytes.chunks(DECODED_AT_ONCE) {
            n_left -= bytes.len();
            self.append(bytes, false);
            if let Some(end) = after_last_line_end(&self.text.as_bytes()[self.n_searched..]) {
                let end = self.n_searched + end;
                take(&self.text.as_bytes()[..end]);
                // What is left was decoded just now: no byte is moved twice.
                self.text.drain(..end);
            }
            // A carriage return at the end is looked at again, together with what follows it.
            self.n_searched = self.text.len() - usize::from(self.text.ends_with('\r'));
            if LINE_BYTES_MAX < self.text.len() {
                let n_units = std::mem::take(&mut self.text).encode_utf16().count();
                return Err((2 * n_units + n_left) as u64);
            }
        }
        Ok(())
    }

    /// Hands on what is left.
    fn finish(&mut self, mut take: impl FnMut(&[u8])) {
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
mod tests;
