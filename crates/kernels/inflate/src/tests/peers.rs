//! Damaged streams: zlib-rs and this decoder agree on what is an error, and on the bytes if not.

use proptest::prelude::*;

use super::*;

fn agrees(packed: &[u8], inputs: &[usize], outputs: &[usize]) {
    let (expected, is_whole) = inflated_by_zlib(packed);
    for outcome in [inflated(packed), inflated_in_pieces(packed, inputs, outputs)] {
        assert_eq!(outcome.end == Ok(InflateStatus::Done), is_whole, "{:?}", outcome.end);
        if is_whole {
            assert!(outcome.bytes == expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn streams_with_changed_bytes(
        data in any_data(),
        packer in any_packer(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        inputs in prop::collection::vec(1_usize..500, 1..9),
        outputs in prop::collection::vec(1_usize..500, 1..9),
    ) {
        let mut packed = deflated(&data, packer);
        for (index, change) in changes {
            let place = index.index(packed.len().min(300));
            packed[place] ^= change;
        }
        agrees(&packed, &inputs, &outputs);
    }

    #[test]
    fn noise(
        mut packed in prop::collection::vec(any::<u8>(), 1..400),
        kind in 1_u8..3,
        inputs in prop::collection::vec(1_usize..50, 1..9),
        outputs in prop::collection::vec(1_usize..50, 1..9),
    ) {
        packed[0] = packed[0] & !6 | kind << 1;
        agrees(&packed, &inputs, &outputs);
    }

    #[test]
    fn a_stream_that_is_cut_never_ends(data in any_data(), packer in any_packer(), cut: prop::sample::Index) {
        let packed = deflated(&data, packer);
        let outcome = inflated(&packed[..cut.index(packed.len())]);
        prop_assert_eq!(outcome.end, Ok(InflateStatus::NeedsInput));
        prop_assert!(data.starts_with(&outcome.bytes));
    }
}

#[test]
fn a_small_stream_is_cut_everywhere() {
    let data = rows(5, 12);
    for packer in [Packer::Zlib(0), Packer::Zlib(1), Packer::Zlib(6), Packer::ZlibHuffmanLike] {
        let packed = deflated(&data, packer);
        for cut in 0..packed.len() {
            let outcome = inflated(&packed[..cut]);
            assert_eq!(outcome.end, Ok(InflateStatus::NeedsInput));
            assert!(data.starts_with(&outcome.bytes));
        }
    }
}
