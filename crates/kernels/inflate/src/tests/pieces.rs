//! What was packed comes back, however the input and the output are cut.

use proptest::prelude::*;

use super::*;

fn whole(data: &[u8]) -> Outcome {
    Outcome { bytes: data.to_vec(), end: Ok(InflateStatus::Done), n_left: 0 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn data_comes_back_at_once(data in any_data(), packer in any_packer()) {
        prop_assert!(inflated(&deflated(&data, packer)) == whole(&data));
    }

    #[test]
    fn data_comes_back_from_any_pieces(
        data in any_data(),
        packer in any_packer(),
        inputs in prop::collection::vec(1_usize..5000, 1..9),
        outputs in prop::collection::vec(1_usize..5000, 1..9),
    ) {
        prop_assert!(inflated_in_pieces(&deflated(&data, packer), &inputs, &outputs) == whole(&data));
    }

    #[test]
    fn data_comes_back_from_tiny_pieces(
        data in any_data(),
        packer in any_packer(),
        inputs in prop::collection::vec(1_usize..40, 1..9),
        outputs in prop::collection::vec(1_usize..400, 1..9),
    ) {
        prop_assert!(inflated_in_pieces(&deflated(&data, packer), &inputs, &outputs) == whole(&data));
    }

    #[test]
    fn what_follows_the_stream_is_left_in_the_input(
        data in any_data(),
        packer in any_packer(),
        inputs in prop::collection::vec(1_usize..400, 1..9),
        n_more in 0_usize..40,
    ) {
        let mut packed = deflated(&data, packer);
        packed.extend(std::iter::repeat_n(0xff, n_more));
        let mut expected = whole(&data);
        expected.n_left = n_more;
        prop_assert!(inflated(&packed) == expected);
        // In pieces the slice at hand has a part of what follows.
        prop_assert!(inflated_in_pieces(&packed, &inputs, &[4096]) == expected);
    }
}

#[test]
fn data_comes_back_byte_by_byte() {
    for level in [0, 1, 6, 9] {
        let data = rows(7, 150);
        let packed = deflated(&data, Packer::Zlib(level));
        assert!(inflated_in_pieces(&packed, &[1], &[1 << 20]) == whole(&data));
        assert!(inflated_in_pieces(&packed, &[1 << 20], &[1]) == whole(&data));
        assert!(inflated_in_pieces(&packed, &[1], &[1]) == whole(&data));
    }
}

#[test]
fn every_distance_and_length_comes_back() {
    // A period of each length up to the window, repeated.
    for distance in (1..100).chain([255, 256, 257, 258, 259, 1000, 16384, 32767, 32768]) {
        let mut data = rows(distance as u64, 10 + distance / 100)[..distance].to_vec();
        for index in 0..70_000 - distance {
            data.push(data[index]);
        }
        for packer in [Packer::Zlib(9), Packer::Libdeflate(12)] {
            assert!(inflated(&deflated(&data, packer)) == whole(&data), "{distance}");
        }
    }
}

#[test]
fn a_full_output_of_the_right_length_is_done() {
    let data = rows(3, 20);
    let packed = deflated(&data, Packer::Zlib(6));
    let mut output = vec![0; data.len()];
    let (mut input, mut position) = (packed.as_slice(), 0);
    let status = Inflater::new().inflate(&mut input, &mut output, &mut position);
    assert_eq!((status, position, input.len()), (Ok(InflateStatus::Done), data.len(), 0));
}

#[test]
fn one_decoder_reads_one_stream_after_the_other() {
    let mut inflater = Inflater::new();
    for seed in 0..5 {
        let data = rows(seed, 30);
        let packed = deflated(&data, Packer::Zlib(6));
        let mut output = vec![0; data.len() + 100];
        // The first time it stops in the midst.
        for n_bytes in [packed.len() / 2, packed.len()] {
            inflater.reset();
            let (mut input, mut position) = (&packed[..n_bytes], 0);
            let _ = inflater.inflate(&mut input, &mut output, &mut position);
            assert!(output[..position] == data[..position]);
            assert!(n_bytes < packed.len() || position == data.len());
        }
    }
}
