//! Blocks cut with each instruction set of this machine, compared with a plain split.

use proptest::prelude::*;
use streamledger_levels::available_levels;

use super::LineLayout;
use super::plain::{SplitLine, cut_lines, split_lines};

#[test]
fn ends_of_lines_and_blank_lines_are_no_cells() {
    let cells =
        |texts: [&str; 2]| SplitLine::Cells(texts.map(|text| text.as_bytes().to_vec()).to_vec());
    let expected = [
        cells(["a", "b"]),
        SplitLine::Blank,
        SplitLine::Blank,
        cells(["", "c"]),
        SplitLine::Uneven(3),
        SplitLine::Uneven(1),
    ];
    let block = b"a\tb\r\n\n \r\n\tc\nd\te\tf\ng";
    assert_eq!(split_lines(block, LineLayout::tabs(2)), expected);
    for level in available_levels() {
        assert_eq!(cut_lines(level, block, LineLayout::tabs(2)), expected, "{level:?}");
    }
}

#[test]
fn only_where_cells_may_be_quoted_a_line_with_a_quote_is_left_whole() {
    let block = b"a,b\n\"c,d\"\r\ne,\"f";
    let quoted = LineLayout { n_columns: 2, delimiter: b',', is_quoted: true };
    let plain = LineLayout { is_quoted: false, ..quoted };
    let is_whole = |line: &SplitLine| matches!(line, SplitLine::Quoted(_));
    for level in available_levels() {
        let lines = cut_lines(level, block, quoted);
        assert_eq!(lines.iter().map(is_whole).collect::<Vec<_>>(), [false, true, true]);
        assert!(!cut_lines(level, block, plain).iter().any(is_whole));
    }
}

/// Blocks with hardly a cell that is longer than two bytes, and blocks like those of reports.
fn any_block() -> impl Strategy<Value = Vec<u8>> {
    let bytes =
        |bytes: &[u8], n_max| prop::collection::vec(prop::sample::select(bytes.to_vec()), 0..n_max);
    prop_oneof![
        bytes(b"\t\t,,\n\nab\r \x00\xff\"", 2_000),
        bytes(b"\t,\nab\"", 500),
        bytes(b"abcdefghijklmnop\t\t,,\n\"", 4_000),
    ]
}

fn layouts() -> impl Strategy<Value = LineLayout> {
    let delimiters = prop::sample::select(b"\t,".to_vec());
    (1_usize..4, delimiters, any::<bool>()).prop_map(|(n_columns, delimiter, is_quoted)| {
        LineLayout { n_columns, delimiter, is_quoted }
    })
}

proptest! {
    #[test]
    fn lines_are_cut_as_a_plain_split_does(block in any_block(), layout in layouts()) {
        let expected = split_lines(&block, layout);
        for level in available_levels() {
            prop_assert_eq!(&cut_lines(level, &block, layout), &expected, "{:?}", level);
        }
    }
}
