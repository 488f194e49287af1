//! Blocks are whole lines, and all of them together are the report, however long its lines are.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use streamledger_core::ingest::text::ReportText;

use super::*;
use crate::disk::file_hash::hash_cold;

/// What a file is read as, which is the same in the inbox and in the archive.
fn blocks(bytes: &[u8]) -> (Vec<Vec<u8>>, SourceEnd) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report");
    std::fs::write(&path, bytes).unwrap();
    let [inbox, archive] = [ReportFile::Inbox(&path), ReportFile::Archive(&path)].map(|file| {
        let mut blocks = Vec::new();
        let mut take = |block: &[u8]| blocks.push(block.to_vec());
        let end =
            read_through(file, DecodeMode::SameThread, &StageTimes::default(), &mut take).unwrap();
        (blocks, end)
    });
    assert!(inbox.0 == archive.0);
    assert_eq!(format!("{:?}", inbox.1), format!("{:?}", archive.1));
    assert_eq!(hash_cold(&path).unwrap(), hash_as_is(&path).unwrap());
    inbox
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Lengths around those at which a buffer is full or grows.
fn line_lengths() -> impl Strategy<Value = Vec<usize>> {
    let edges = [BLOCK_BYTES / 2, BLOCK_BYTES, BUFFER_BYTES, 2 * BUFFER_BYTES, WINDOW_BYTES];
    let near_edge = (prop::sample::select(edges.to_vec()), 0_usize..7);
    let length = prop_oneof![
        3 => 0_usize..2_000,
        2 => near_edge.prop_map(|(edge, more)| edge + more - 3),
        1 => 0_usize..900_000,
    ];
    prop::collection::vec(length, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn blocks_are_whole_lines_and_together_the_report(
        lengths in line_lengths(), ends_in_line in any::<bool>(), is_packed in any::<bool>(),
        ends in prop::collection::vec(prop::sample::select(vec!["\n", "\r\n", "\r"]), 12),
    ) {
        let mut text = Vec::new();
        let mut ends = ends.iter().map(|end| end.as_bytes());
        for (byte, length) in (b'a'..).zip(&lengths) {
            // Not all alike, so that something is left to copy from far away.
            text.extend((0..*length).map(|n| if n % 1_000 == 0 { byte } else { b"abcdefg"[n % 7] }));
            text.extend(ends.next().unwrap());
        }
        if ends_in_line {
            while text.pop_if(|byte| matches!(byte, b'\r' | b'\n')).is_some() {}
        }
        let (blocks, end) = blocks(&if is_packed { gzip(&text) } else { text.clone() });
        prop_assert_eq!(blocks.concat(), text.clone());
        for block in blocks.iter().rev().skip(1) {
            prop_assert!(matches!(block.last(), Some(b'\n' | b'\r')));
        }
        // The two bytes of a line end are in one block.
        for two in blocks.windows(2) {
            prop_assert!(!(two[0].ends_with(b"\r") && two[1].starts_with(b"\n")));
        }
        let SourceEnd::Whole { hash, .. } = end else { panic!("{end:?}") };
        prop_assert_eq!(hash, *blake3::hash(&text).as_bytes());
    }
}

#[test]
fn a_line_of_16_mib_is_too_long() {
    let line = |length: usize| [vec![b'x'; length], b"\ny\n".to_vec()].concat();
    for pack in [gzip, <[u8]>::to_vec] {
        let (read, end) = blocks(&pack(&line(LINE_BYTES_MAX - 1)));
        assert!(matches!(end, SourceEnd::Whole { .. }), "{end:?}");
        assert_eq!(read.concat().len(), LINE_BYTES_MAX + 2);
        // The bound is that of the buffer, which may hold a window next to the line.
        let (_, end) = blocks(&pack(&line(LINE_BYTES_MAX + WINDOW_BYTES)));
        assert!(matches!(end, SourceEnd::Corrupt { .. }), "{end:?}");
    }
}

/// A reader of text, which counts what it was given.
#[derive(Default)]
struct TextReader {
    text: ReportText,
    error: Option<TextError>,
    n_bytes: usize,
    n_lines: usize,
}

impl BlockReader for TextReader {
    fn judge(&self, _: &str, _: &[u8]) -> MemberKind {
        MemberKind::Report
    }

    fn begin_member(&mut self, _: &str) {}

    fn take(&mut self, block: &[u8]) {
        self.n_bytes += block.len();
        let n_lines = &mut self.n_lines;
        let mut take = |lines: &[u8]| *n_lines += memchr::memchr_iter(b'\n', lines).count();
        self.error = self.text.take(block, &mut take).err();
    }

    fn stopped(&self) -> Option<TextError> {
        self.error
    }
}

fn utf16(text: &str) -> Vec<u8> {
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

fn read_text(bytes: &[u8], decode_mode: DecodeMode) -> (TextReader, SourceEnd) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report");
    std::fs::write(&path, bytes).unwrap();
    let mut reader = TextReader::default();
    let file = ReportFile::Inbox(&path);
    let end = read_through(file, decode_mode, &StageTimes::default(), &mut reader).unwrap();
    let TextReader { text, n_lines, .. } = &mut reader;
    text.finish(|lines| *n_lines += memchr::memchr_iter(b'\n', lines).count());
    (reader, end)
}

#[test]
fn utf16_without_line_ends_is_given_up_soon_and_said_to_be_so() {
    // U+0A05 holds the byte of a line feed.
    let bytes = gzip(&utf16(&format!("day\rone\n{}", "\u{a05}".repeat(30 << 20))));
    for decode_mode in [DecodeMode::SameThread, DecodeMode::OwnThread] {
        let (reader, end) = read_text(&bytes, decode_mode);
        let SourceEnd::Corrupt { code, detail, .. } = end else { panic!("{end:?}") };
        assert_eq!(code, "corrupt");
        assert!(
            detail.starts_with("the line that starts at byte 18 is longer than 16 MiB"),
            "{detail}"
        );
        // In UTF-8 the letter has three bytes.
        assert!(reader.n_bytes < LINE_BYTES_MAX, "{}", reader.n_bytes);
        assert_eq!(reader.n_lines, 2);
    }
}

#[test]
fn utf16_with_any_line_ends_is_read_however_long_it_is() {
    for end in ["\r", "\n", "\r\n"] {
        let line = format!("{}{end}", "\u{a05}\u{d0a}x".repeat(1000));
        let bytes = utf16(&line.repeat(3000));
        assert!(LINE_BYTES_MAX < bytes.len());
        let (reader, read) = read_text(&bytes, DecodeMode::SameThread);
        assert!(matches!(read, SourceEnd::Whole { .. }), "{read:?}");
        assert_eq!((reader.n_lines, reader.n_bytes), (3000, bytes.len()));
    }
}

#[test]
fn a_file_with_carriage_returns_only_is_read_however_long_it_is() {
    let text = format!("{}\r", "x".repeat(99)).repeat(200_000);
    let (reader, end) = read_text(text.as_bytes(), DecodeMode::SameThread);
    assert!(matches!(end, SourceEnd::Whole { .. }), "{end:?}");
    assert_eq!((reader.n_lines, reader.text.n_lines()), (200_000, 200_000));
}

#[test]
fn what_unpacks_to_more_than_a_thousand_times_its_size_is_a_bomb() {
    // Zeros pack by about 1,030 in deflate and by far more in zstd.
    let text = b"0\n".repeat(70 << 19);
    let bomb = zstd::encode_all(text.as_slice(), 19).unwrap();
    assert!(bomb.len() < text.len() / 1000);
    let (_, end) = blocks(&bomb);
    let SourceEnd::Corrupt { detail, .. } = end else { panic!("{end:?}") };
    assert!(detail.contains("1,000 times"), "{detail}");
}

#[test]
fn a_small_file_may_pack_as_well_as_it_can() {
    let text = b"0\n".repeat(1 << 20);
    let (read, end) = blocks(&zstd::encode_all(text.as_slice(), 19).unwrap());
    assert!(matches!(end, SourceEnd::Whole { .. }), "{end:?}");
    assert_eq!(read.concat(), text);
}

/// What was a file when the inbox was looked through may be another thing when it is opened.
#[test]
fn a_file_that_was_swapped_for_a_link_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("report"), folder.path().join("other"));
    std::fs::write(&other, "secret\n").unwrap();
    std::os::unix::fs::symlink(&other, &path).unwrap();
    let mut n_blocks = 0;
    let mut take = |_: &[u8]| n_blocks += 1;
    let end = read_through(
        ReportFile::Inbox(&path),
        DecodeMode::SameThread,
        &StageTimes::default(),
        &mut take,
    )
    .unwrap();
    assert!(matches!(end, SourceEnd::Growing), "{end:?}");
    assert_eq!(n_blocks, 0);
    hash_as_is(&path).unwrap_err();
    crate::disk::durable::copy_new(&path, &folder.path().join("copy")).unwrap_err();
    // A pipe would keep the run waiting for somebody who writes.
    std::fs::remove_file(&path).unwrap();
    let status = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(status.success());
    let end = read_through(
        ReportFile::Inbox(&path),
        DecodeMode::SameThread,
        &StageTimes::default(),
        &mut |_: &[u8]| {},
    )
    .unwrap();
    assert!(matches!(end, SourceEnd::Growing), "{end:?}");
}
