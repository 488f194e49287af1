//! Where the text of a DSR report can be cut so that several readers read it: between two blocks. Nothing that
//! a record of a block says depends on another block; what its summary records say holds for all of them.

use crate::ingest::dsr::is_comment;
use crate::ingest::dsr::records::{BLOCK_ID, DsrItem, RecordType};

/// Whether all lines are records of blocks, comments or unknown: none says anything of the whole report, as a
/// header, a summary record and a footer do.
#[must_use]
pub fn has_blocks_only(lines: &[u8]) -> bool {
    let says_more = |line: &[u8]| {
        let line = line.trim_ascii_start();
        [&b"SY"[..], b"HEAD", b"FOOT"].iter().any(|name| line.starts_with(name))
    };
    !lines_of(lines).any(|(_, line)| says_more(line))
}

/// Where the first block starts that has another id than this one; the end of the text if there is none.
#[must_use]
pub fn end_of_block(text: &[u8], id: &[u8]) -> usize {
    let other = |(_, line): &(usize, &[u8])| block_id(line).is_some_and(|other| other != id);
    lines_of(text).find(other).map_or(text.len(), |(start, _)| start)
}

/// Where the first block starts that begins behind this place, at which a line starts; the end of the text if
/// there is none.
#[must_use]
pub fn next_block(text: &[u8], from: usize) -> usize {
    let rest = &text[from..];
    let id = lines_of(rest).find_map(|(_, line)| block_id(line));
    from + id.map_or(rest.len(), |id| end_of_block(rest, id))
}

/// Where the last block starts; 0 if all of the text may be of one block.
#[must_use]
pub fn last_block(text: &[u8]) -> usize {
    let (mut last, mut start) = (None, 0);
    let mut end = text.len();
    while 0 < end {
        let line_start = memchr::memrchr(b'\n', &text[..end - 1]).map_or(0, |feed| feed + 1);
        match block_id(&text[line_start..end]) {
            None => {}
            Some(id) if last.is_none_or(|last| last == id) => {
                (last, start) = (Some(id), line_start)
            }
            Some(_) => return start,
        }
        end = line_start;
    }
    0
}

/// The block of a line; `None` if it is of none.
fn block_id(line: &[u8]) -> Option<&[u8]> {
    if is_comment(line) {
        return None;
    }
    let mut cells = line.split(|byte| *byte == b'\t').map(<[u8]>::trim_ascii);
    let is_of_block = match RecordType::of(cells.next().unwrap_or_default())? {
        RecordType::Resource
        | RecordType::Release
        | RecordType::SubRelease
        | RecordType::Videos => true,
        RecordType::Usage(places) => !matches!(places.item, DsrItem::Here { .. }),
        RecordType::Head | RecordType::Foot | RecordType::Summary(_) | RecordType::Aside => false,
    };
    is_of_block.then(|| cells.nth(BLOCK_ID - 1).unwrap_or_default())
}

/// Lines with their starts; the line feed of each is there.
fn lines_of(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut start = 0;
    text.split_inclusive(|byte| *byte == b'\n').map(move |line| {
        start += line.len();
        (start - line.len(), line)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lines of these blocks; `#` for a comment, `-` for a record of none.
    fn text(blocks: &[&str]) -> String {
        let line = |block: &&str| match *block {
            "#" => "# AS01\tx\n".to_owned(),
            "-" => "XX01\tx\r\n".to_owned(),
            id => format!("SU02\t {id}\tS1\n"),
        };
        blocks.iter().map(line).collect()
    }

    #[test]
    fn what_is_said_of_the_whole_report_is_found() {
        assert!(has_blocks_only(b"AS01\tSY01\n#SY01\n\nSU02\tHEAD\n"));
        for line in ["SY01\tx\n", " SY02.01\tx", "FOOT\n", "\tHEAD\n", "HEAD\n"] {
            assert!(!has_blocks_only(format!("AS01\tx\n{line}").as_bytes()), "{line}");
        }
    }

    proptest! {
        /// A cut never parts two lines of a block.
        #[test]
        fn the_text_is_cut_between_blocks(
            blocks in prop::collection::vec(prop::sample::select(vec!["a", "b", "#", "-"]), 0..12),
            from in 0_usize..12,
        ) {
            let text = text(&blocks);
            let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
            let line_of = |at: usize| ends.iter().filter(|end| **end <= at).count();
            let ids = |lines: &[&str]| -> Vec<String> {
                lines.iter().filter(|id| !"#-".contains(*id)).map(|id| (*id).to_owned()).collect()
            };
            let parts_none = |cut: usize| {
                let (before, behind) = blocks.split_at(line_of(cut));
                let (before, behind) = (ids(before), ids(behind));
                before.is_empty() || behind.is_empty() || before.last() != behind.first()
            };
            let last = last_block(text.as_bytes());
            prop_assert!(parts_none(last));
            let (_, behind) = blocks.split_at(line_of(last));
            prop_assert!(ids(behind).windows(2).all(|pair| pair[0] == pair[1]) || last == 0);
            let from = blocks.len().min(from).checked_sub(1).map_or(0, |line| ends[line]);
            let next = next_block(text.as_bytes(), from);
            prop_assert!(next == text.len() || (from <= next && parts_none(next)));
            let first = end_of_block(text.as_bytes(), b"a");
            prop_assert!(ids(&blocks[..line_of(first)]).iter().all(|id| id == "a"));
        }
    }
}
