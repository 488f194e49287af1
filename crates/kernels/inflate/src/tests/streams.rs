//! Streams made by hand: the rules of the format, each at its bound.

use super::*;

/// Writes a stream bit by bit.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    n_bits: usize,
}

impl Bits {
    /// A field, lowest bit first.
    fn field(mut self, value: u32, n_bits: usize) -> Self {
        for bit in 0..n_bits {
            if self.n_bits.is_multiple_of(8) {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |=
                ((u64::from(value) >> bit.min(63) & 1) as u8) << (self.n_bits % 8);
            self.n_bits += 1;
        }
        self
    }

    /// A code, first bit first.
    fn code(self, code: u32, n_bits: usize) -> Self {
        self.field(code.reverse_bits() >> (32 - n_bits), n_bits)
    }

    /// The head of a last block with codes of its own. Code lengths are written as they are, with
    /// five bits each; 16 to 18 come with the repeat count that follows.
    fn head(self, n_literals: u32, n_distances: u32, lengths: &[u32]) -> Self {
        let mut bits =
            self.field(0b101, 3).field(n_literals - 257, 5).field(n_distances - 1, 5).field(15, 4);
        // Thirteen codes of four bits, six of five bits: 0 to 12, then 13 to 18.
        for symbol in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15] {
            bits = bits.field(if symbol < 13 { 4 } else { 5 }, 3);
        }
        let mut symbols = lengths.iter();
        while let Some(&symbol) = symbols.next() {
            bits = if symbol < 13 { bits.code(symbol, 4) } else { bits.code(26 + symbol - 13, 5) };
            let n_extra_bits = match symbol {
                16 => 2,
                17 => 3,
                18 => 7,
                _ => continue,
            };
            bits = bits.field(*symbols.next().unwrap(), n_extra_bits);
        }
        bits
    }
}

fn error(bits: impl std::borrow::Borrow<Bits>) -> InflateError {
    let bits = bits.borrow();
    let outcome = inflated(&bits.bytes);
    let error = outcome.end.unwrap_err();
    assert_eq!(inflated_in_pieces(&bits.bytes, &[1], &[1]).end, Err(error));
    assert!(!inflated_by_zlib(&bits.bytes).1, "zlib-rs takes it: {error}");
    error
}

fn bytes(bits: &Bits) -> Vec<u8> {
    let outcome = inflated(&bits.bytes);
    assert_eq!(outcome.end, Ok(InflateStatus::Done));
    assert_eq!(inflated_in_pieces(&bits.bytes, &[1], &[1]), outcome);
    assert_eq!(inflated_by_zlib(&bits.bytes), (outcome.bytes.clone(), true));
    outcome.bytes
}

fn fixed() -> Bits {
    Bits::default().field(0b011, 3)
}

#[test]
fn the_empty_stream_is_done() {
    assert_eq!(bytes(&fixed().code(0, 7)), b"");
    assert_eq!(bytes(&Bits::default().field(1, 8).field(0xffff_0000, 32)), b"");
}

#[test]
fn no_input_asks_for_input() {
    let outcome = inflated(&[]);
    assert_eq!((outcome.end, outcome.bytes.len()), (Ok(InflateStatus::NeedsInput), 0));
}

#[test]
fn blocks_of_all_types_follow_each_other() {
    let bits = Bits::default()
        .field(0b010, 3)
        .code(0x30 + 97, 8)
        .code(0, 7)
        .field(0, 6)
        .field(0xfffd_0002, 32)
        .field(u32::from_le_bytes(*b"bc\0\0"), 16)
        .field(0b011, 3)
        .code(0x30 + 100, 8)
        .code(1, 7)
        .code(0, 5)
        .code(0, 7);
    assert_eq!(bytes(&bits), b"abcdddd");
}

#[test]
fn the_block_type_3_is_an_error() {
    assert_eq!(error(Bits::default().field(0b111, 3).field(0, 64 - 3)), InflateError::BlockType);
}

#[test]
fn a_stored_length_without_its_complement_is_an_error() {
    assert_eq!(
        error(Bits::default().field(1, 8).field(0xfffe_0002, 32)),
        InflateError::StoredLength
    );
}

#[test]
fn lengths_and_distances_that_stand_for_nothing_are_errors() {
    for code in [0xc6, 0xc7] {
        assert_eq!(error(fixed().code(code, 8).field(0, 30)), InflateError::LengthSymbol);
    }
    for code in [30, 31] {
        let bits = fixed().code(0x30, 8).code(1, 7).code(code, 5).field(0, 30);
        assert_eq!(error(bits), InflateError::DistanceSymbol);
    }
}

#[test]
fn a_distance_reaches_the_first_byte_and_not_beyond() {
    let two = || fixed().code(0x30 + 97, 8).code(0x30 + 98, 8).code(1, 7);
    assert_eq!(bytes(&two().code(1, 5).code(0, 7)), b"ababa");
    assert_eq!(error(two().code(2, 5).code(0, 7).field(0, 40)), InflateError::TooFarBack);
    // The same in the inner loop, which needs input and output to spare.
    assert_eq!(error(two().code(2, 5).code(0, 7).field(0, 400)), InflateError::TooFarBack);
    // The longest distance, 32768, of which less was written.
    let bits = fixed().code(0x30, 8).code(1, 7).code(29, 5).field(8191, 13).field(0, 300);
    assert_eq!(error(bits), InflateError::TooFarBack);
}

#[test]
fn the_longest_match_has_two_spellings() {
    for (code, extra, n_extra_bits) in [(0xc5, 0, 0), (0xc4, 31, 5)] {
        let bits = fixed()
            .code(0x30 + 97, 8)
            .code(code, 8)
            .field(extra, n_extra_bits)
            .code(0, 5)
            .code(0, 7);
        assert_eq!(bytes(&bits), [b'a'; 259]);
    }
}

#[test]
fn at_most_286_literal_codes_and_30_distance_codes() {
    let lengths = [8; 320];
    assert_eq!(error(Bits::default().head(287, 1, &lengths)), InflateError::TooManyCodes);
    assert_eq!(error(Bits::default().head(257, 31, &lengths)), InflateError::TooManyCodes);
    // 286 and 30 of them: 226 codes of 8 bits and 60 of 9 bits, 2 of 4 bits and 28 of 5 bits.
    let mut lengths = vec![8; 226];
    lengths.extend([9; 60]);
    lengths.extend([4; 2]);
    lengths.extend([5; 28]);
    // The end of the block is the 31st code of 9 bits.
    let bits = Bits::default().head(286, 30, &lengths).code(226 * 2 + 30, 9);
    assert_eq!(bytes(&bits), b"");
}

#[test]
fn a_code_of_code_lengths_is_complete() {
    let head = |lengths: [u32; 4]| {
        lengths
            .into_iter()
            .fold(Bits::default().field(0b101, 3).field(0, 14), |bits, l| bits.field(l, 3))
            .field(0, 300)
    };
    for lengths in [[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 0], [2, 2, 2, 0], [1, 2, 3, 0]] {
        assert_eq!(error(head(lengths)), InflateError::CodeLengthCode);
    }
    // Complete, but there is no code for the end: 258 lengths of zero.
    assert_eq!(error(head([0, 0, 1, 1])), InflateError::NoEndOfBlock);
}

#[test]
fn repeats_of_code_lengths_have_bounds() {
    let repeat = |lengths: &[u32]| Bits::default().head(257, 1, lengths).field(0, 200);
    assert_eq!(error(repeat(&[16, 0])), InflateError::LengthRepeat);
    // 258 lengths: 138 + 121 zeros are one too many.
    assert_eq!(error(repeat(&[18, 127, 18, 110])), InflateError::LengthRepeat);
    assert_eq!(error(repeat(&[18, 127, 18, 107, 17, 0])), InflateError::LengthRepeat);
    assert_eq!(error(repeat(&[18, 127, 18, 108, 16, 0])), InflateError::LengthRepeat);
    assert_eq!(error(repeat(&[18, 127, 18, 108, 0])), InflateError::NoEndOfBlock);
    // The end alone, of one bit; a repeat may go on from the literals to the distances.
    assert_eq!(bytes(&Bits::default().head(257, 1, &[18, 127, 18, 107, 1, 0]).field(0, 1)), b"");
    let bits = Bits::default().head(257, 4, &[18, 127, 18, 106, 2, 2, 16, 0, 2]).code(1, 2);
    assert_eq!(error(bits), InflateError::LiteralCode);
    let bits = Bits::default().head(257, 2, &[1, 18, 127, 18, 106, 1, 16, 0]);
    assert_eq!(error(bits), InflateError::LengthRepeat);
    let bits = Bits::default().head(257, 3, &[2, 2, 2, 18, 127, 18, 104, 2, 2, 17, 5]);
    assert_eq!(error(bits), InflateError::LengthRepeat);
    let bits = Bits::default().head(257, 4, &[2, 2, 2, 18, 127, 18, 104, 2, 16, 1]);
    assert_eq!(bytes(&bits.code(0, 2).code(2, 2).code(3, 2)), [0, 2]);
}

/// Literal 0 with one bit and the end with another; distances as given.
fn with_distances(lengths: &[u32]) -> Bits {
    let n_distances = u32::try_from(lengths.len()).unwrap();
    let mut all = vec![1, 18, 127, 18, 106, 1];
    all.extend(lengths);
    Bits::default().head(257, n_distances, &all)
}

#[test]
fn codes_are_complete_or_have_one_code_of_one_bit() {
    assert_eq!(bytes(&with_distances(&[0]).field(0, 1).field(1, 1)), [0]);
    assert_eq!(bytes(&with_distances(&[1]).field(0, 1).field(1, 1)), [0]);
    assert_eq!(bytes(&with_distances(&[1, 1]).field(0, 1).field(1, 1)), [0]);
    assert_eq!(error(with_distances(&[1, 1, 1])), InflateError::DistanceCode);
    assert_eq!(error(with_distances(&[2])), InflateError::DistanceCode);
    assert_eq!(error(with_distances(&[2, 2, 2])), InflateError::DistanceCode);
    let literals = |lengths: &[u32]| Bits::default().head(257, 1, lengths).field(0, 100);
    assert_eq!(error(literals(&[18, 127, 18, 107, 2, 0])), InflateError::LiteralCode);
    assert_eq!(error(literals(&[1, 1, 18, 127, 18, 105, 1, 0])), InflateError::LiteralCode);
    // One code of one bit: the other bit stands for nothing.
    let end = Bits::default().head(257, 1, &[18, 127, 18, 107, 1, 0]);
    assert_eq!(error(end.field(1, 1).field(0, 400)), InflateError::LengthSymbol);
}

#[test]
fn a_distance_code_of_one_symbol_has_no_second() {
    // Literal 0, the end and the length 3: 1, 2 and 2 bits.
    let block = |distance: u32| {
        Bits::default().head(258, 1, &[1, 18, 127, 18, 106, 2, 2, distance]).code(0, 1).code(3, 2)
    };
    assert_eq!(bytes(&block(1).field(0, 1).code(2, 2)), [0; 4]);
    assert_eq!(error(block(1).field(1, 1).code(2, 2).field(0, 20)), InflateError::DistanceSymbol);
    assert_eq!(error(block(1).field(1, 1).code(2, 2).field(0, 400)), InflateError::DistanceSymbol);
    for bit in [0, 1] {
        assert_eq!(error(block(0).field(bit, 1).field(0, 20)), InflateError::DistanceSymbol);
        assert_eq!(error(block(0).field(bit, 1).field(0, 400)), InflateError::DistanceSymbol);
    }
}

#[test]
fn the_longest_codes_are_found() {
    // Codes of 1 to 14 bits and two of 15 for 14 literals, a further literal and the end; the same
    // for the distances.
    let mut lengths: Vec<u32> = (1..=14).flat_map(|l| [l]).collect();
    lengths.push(15);
    lengths.extend([18, 127, 18, 241 - 138 - 11, 15]);
    lengths.extend((1..=14).chain([15, 15]));
    let head = || {
        let bits = Bits::default().head(257, 16, &lengths);
        (0..14).fold(bits, |bits, n| bits.code((1 << (n + 1)) - 2, n + 1))
    };
    let bits = head().code((1 << 15) - 2, 15).code((1 << 15) - 1, 15);
    assert_eq!(bytes(&bits), (0..15).collect::<Vec<u8>>());
    let mut bits = head();
    for _ in 0..100 {
        bits = bits.code((1 << 15) - 2, 15);
    }
    assert_eq!(bytes(&bits.code((1 << 15) - 1, 15)).len(), 114);
}

#[test]
fn an_error_stays() {
    let (mut inflater, mut output) = (Inflater::new(), [0; 10]);
    for _ in 0..3 {
        let (mut input, mut position) = (&[7_u8, 0, 0][..], 0);
        let result = inflater.inflate(&mut input, &mut output, &mut position);
        assert_eq!(result, Err(InflateError::BlockType));
    }
    inflater.reset();
    let (mut input, mut position) = (&[3_u8, 0, 9][..], 0);
    assert_eq!(inflater.inflate(&mut input, &mut output, &mut position), Ok(InflateStatus::Done));
    assert_eq!(input, [9]);
}
