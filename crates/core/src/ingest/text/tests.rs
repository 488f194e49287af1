//! Text is the same whatever the encoding, the line ends and the blocks, and costs what it is long.

use proptest::prelude::*;

use super::*;

/// The text in an encoding, with a byte order mark.
fn encoded(text: &str, encoding: &str) -> Vec<u8> {
    let units = || std::iter::once(0xfeff).chain(text.encode_utf16());
    match encoding {
        "utf-8" => text.as_bytes().to_vec(),
        "utf-8 with a mark" => format!("\u{feff}{text}").into_bytes(),
        "utf-16le" => units().flat_map(u16::to_le_bytes).collect(),
        _ => units().flat_map(u16::to_be_bytes).collect(),
    }
}

const ENCODINGS: [&str; 4] = ["utf-8", "utf-8 with a mark", "utf-16le", "utf-16be"];

/// Blocks as they come: of UTF-16 anywhere, of other text behind line ends.
fn blocks(bytes: &[u8], size: usize) -> Vec<Vec<u8>> {
    if is_utf16(bytes) {
        return bytes.chunks(size.max(2)).map(<[u8]>::to_vec).collect();
    }
    let (mut blocks, mut waiting) = (Vec::new(), Vec::new());
    for chunk in bytes.chunks(size) {
        waiting.extend_from_slice(chunk);
        if let Some(end) = after_last_line_end(&waiting) {
            blocks.push(waiting.drain(..end).collect());
        }
    }
    blocks.push(waiting);
    blocks
}

/// The whole text, and how many lines were counted.
fn read(bytes: &[u8], size: usize) -> (String, u64) {
    let (mut text, mut whole) = (ReportText::default(), Vec::new());
    let mut ends_in_line = false;
    let mut take = |lines: &[u8]| {
        assert!(!ends_in_line, "only the last block may lack its line end");
        ends_in_line = !lines.ends_with(b"\n");
        whole.extend_from_slice(lines);
    };
    for block in blocks(bytes, size) {
        text.take(&block, &mut take).unwrap();
    }
    text.finish(&mut take);
    (String::from_utf8(whole).unwrap(), text.n_lines())
}

#[test]
fn all_line_ends_are_line_ends() {
    assert_eq!(read(b"a\rb\r\nc\nd\r\re", 100), ("a\nb\r\nc\nd\n\ne".to_owned(), 6));
    assert_eq!(read(b"a\r", 100), ("a\n".to_owned(), 1));
    assert_eq!(read(b"a\r\n", 100), ("a\r\n".to_owned(), 1));
    assert_eq!(read(b"", 100), (String::new(), 0));
    assert_eq!((after_last_line_end(b"a\rb\r"), after_last_line_end(b"ab\r")), (Some(2), None));
    let first = |bytes: &[u8]| after_first_line_end(bytes);
    assert_eq!((first(b"a\rb"), first(b"a\r\nb"), first(b"a\nb")), (Some(2), Some(3), Some(2)));
    assert_eq!((first(b"a\r"), first(b"a")), (None, None));
}

proptest! {
    #[test]
    fn the_text_is_the_same_in_all_encodings_and_blocks(
        lines in prop::collection::vec(("[a\u{e9}\u{a05}\u{d0a}\u{1d11e}\t]{0,4}", 0_usize..3), 0..12),
        last in "[ab\u{a05}]{0,3}", size in 1_usize..40,
    ) {
        let ends = ["\n", "\r\n", "\r"];
        let mut pieces: Vec<String> =
            lines.iter().map(|(line, end)| format!("{line}{}", ends[*end])).collect();
        pieces.push(last.clone());
        let text = pieces.concat();
        // Plainly: no line end but LF and CR LF, and as many lines as ends and what is left.
        let expected = text.replace("\r\n", "\u{1}").replace('\r', "\n").replace('\u{1}', "\r\n");
        let n_lines = expected.split_inclusive('\n').count() as u64;
        for encoding in ENCODINGS {
            let (found, n_found) = read(&encoded(&text, encoding), size);
            prop_assert_eq!(&found, &expected, "{}", encoding);
            prop_assert_eq!(n_found, n_lines, "{}", encoding);
        }
    }
}

#[test]
fn a_line_that_does_not_end_is_given_up_when_it_is_too_long() {
    // U+0A05 and U+0D0A hold the bytes of line ends, and are none.
    for letter in ["x", "\u{a05}", "\u{d0a}\u{a0d}"] {
        for encoding in ["utf-16le", "utf-16be"] {
            let block = encoded(&letter.repeat(1 << 15), encoding)[2..].to_vec();
            let mut text = ReportText::default();
            let (mut n_read, mut n_taken) = (0, 0);
            let mut take = |lines: &[u8]| n_taken += lines.len();
            let first = encoded("day\rone\n", encoding);
            text.take(&first, &mut take).unwrap();
            let error = loop {
                n_read += block.len();
                if let Err(error) = text.take(&block, &mut take) {
                    break error;
                }
            };
            assert_eq!(error, TextError::LongLine { starts_at: 2 * 9 });
            assert!(n_read <= 2 * LINE_BYTES_MAX + 2 * block.len(), "{n_read}");
            // Nothing is kept and nothing more is handed on.
            assert!(text.utf16.as_ref().unwrap().text.capacity() == 0);
            text.take(&first, &mut take).unwrap_err();
            text.finish(&mut take);
            assert_eq!(n_taken, 8);
        }
    }
}

#[test]
fn no_byte_of_a_long_line_is_looked_through_twice() {
    let mut utf16 = Utf16Decoder::of(b"\xff\xfe").unwrap();
    let block = encoded(&"\u{a05}".repeat(1000), "utf-16le")[2..].to_vec();
    utf16.decode(b"\xff\xfe", |_| unreachable!()).unwrap();
    for n_blocks in 1..200 {
        utf16.decode(&block, |_| unreachable!()).unwrap();
        assert_eq!((utf16.n_searched, utf16.text.len()), (n_blocks * 3000, n_blocks * 3000));
    }
}
