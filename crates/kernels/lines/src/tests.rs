//! Blocks cut with each instruction set of this machine, compared with a plain split.

use proptest::prelude::*;
use streamledger_levels::available_levels;

use super::plain::{cut_lines, split_lines};

#[test]
fn ends_of_lines_and_blank_lines_are_no_cells() {
    let cells = |texts: [&str; 2]| Ok(texts.map(|text| text.as_bytes().to_vec()).to_vec());
    let expected = [cells(["a", "b"]), Err(0), Err(0), cells(["", "c"]), Err(3), Err(1)];
    let block = b"a\tb\r\n\n \r\n\tc\nd\te\tf\ng";
    assert_eq!(split_lines(block, 2), expected);
    for level in available_levels() {
        assert_eq!(cut_lines(level, block, 2), expected, "{level:?}");
    }
}

/// Blocks with hardly a cell that is longer than two bytes, and blocks like those of reports.
fn any_block() -> impl Strategy<Value = Vec<u8>> {
    let bytes =
        |bytes: &[u8], n_max| prop::collection::vec(prop::sample::select(bytes.to_vec()), 0..n_max);
    prop_oneof![
        bytes(b"\t\t\nab\r \x00\xff", 2_000),
        bytes(b"\t\nab", 500),
        bytes(b"abcdefghijklmnop\t\t\n", 4_000),
    ]
}

proptest! {
    #[test]
    fn lines_are_cut_as_a_plain_split_does(block in any_block(), n_columns in 1_usize..4) {
        let expected = split_lines(&block, n_columns);
        for level in available_levels() {
            prop_assert_eq!(&cut_lines(level, &block, n_columns), &expected, "{:?}", level);
        }
    }
}
