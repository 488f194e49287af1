//! Tests of the decoder, and what they have in common: encoders, data, and drivers that feed the
//! decoder in pieces.

mod gzip;
mod peers;
mod pieces;
mod streams;

use std::io::{Read as _, Write as _};

use fearless_simd::Level;
use flate2::Compression;
use proptest::prelude::*;
use streamledger_levels::available_levels;

use super::{InflateError, InflateStatus, Inflater, WINDOW_BYTES};

/// An encoder and its level.
#[derive(Debug, Clone, Copy)]
enum Packer {
    Zlib(u32),
    /// Without matches and so with literals of all lengths.
    ZlibHuffmanLike,
    Libdeflate(i32),
}

fn any_packer() -> impl Strategy<Value = Packer> {
    prop_oneof![
        prop::sample::select(vec![0, 1, 3, 6, 9]).prop_map(Packer::Zlib),
        Just(Packer::ZlibHuffmanLike),
        prop::sample::select(vec![0, 1, 6, 9, 12]).prop_map(Packer::Libdeflate),
    ]
}

fn deflated(data: &[u8], packer: Packer) -> Vec<u8> {
    match packer {
        Packer::Zlib(level) => {
            let mut encoder =
                flate2::write::DeflateEncoder::new(Vec::new(), Compression::new(level));
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        Packer::ZlibHuffmanLike => {
            // A flush every few bytes makes many small blocks, stored ones and fixed ones too.
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::new(1));
            for piece in data.chunks(97) {
                encoder.write_all(piece).unwrap();
                encoder.flush().unwrap();
            }
            encoder.finish().unwrap()
        }
        Packer::Libdeflate(level) => {
            let level = libdeflater::CompressionLvl::new(level).unwrap();
            let mut encoder = libdeflater::Compressor::new(level);
            let mut packed = vec![0; encoder.deflate_compress_bound(data.len())];
            let n_bytes = encoder.deflate_compress(data, &mut packed).unwrap();
            packed.truncate(n_bytes);
            packed
        }
    }
}

/// Data as text, as bytes of few kinds, as runs and as noise.
fn any_data() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::collection::vec((0_u8..40, 1_usize..12), 0..3000).prop_map(|words| {
        words
            .into_iter()
            .flat_map(|(word, n)| {
                (0..n).map(move |i| b"abcdefgh0123456789\tx,-"[(usize::from(word) * 7 + i) % 22])
            })
            .collect()
    });
    let runs = prop::collection::vec((any::<u8>(), 1_usize..700), 0..60).prop_map(|runs| {
        runs.into_iter().flat_map(|(byte, n)| std::iter::repeat_n(byte, n)).collect()
    });
    let periods = (prop::collection::vec(any::<u8>(), 1..80), 0_usize..5000)
        .prop_map(|(period, n)| period.iter().copied().cycle().take(n).collect::<Vec<u8>>());
    prop_oneof![
        words,
        runs,
        periods,
        prop::collection::vec(any::<u8>(), 0..4000),
        prop::collection::vec(0_u8..4, 0..20000),
        any::<u64>().prop_map(|seed| rows(seed, 400)),
    ]
}

/// Rows that look like a report's, longer than the window in all where there are 400.
fn rows(seed: u64, n_rows: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut data = Vec::new();
    for row in 0..n_rows {
        let (a, b) = (next(), next());
        writeln!(
            data,
            "2025-03-{:02}\t{:02}:15:00\t{a:016x}{b:016x}\tUSRC17607{:03}\tspotify:track:{}\t\t\tDE\t{}\t{row}\tfalse",
            a % 28 + 1, b % 24, a % 500, b % 300, ["mobile", "desktop", "speaker"][(a % 3) as usize],
        )
        .unwrap();
    }
    data
}

/// What came of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome {
    bytes: Vec<u8>,
    end: Result<InflateStatus, InflateError>,
    /// Input that was not taken.
    n_left: usize,
}

/// Decodes with input slices and output pieces of the lengths given, over and over; the output moves
/// as in the program: a buffer that keeps the last window. Stops at 4 MiB. All instruction sets of this
/// machine come to the same.
fn inflated_in_pieces(packed: &[u8], inputs: &[usize], outputs: &[usize]) -> Outcome {
    let mut outcomes =
        available_levels().into_iter().map(|level| inflated_with(level, packed, inputs, outputs));
    let outcome = outcomes.next().unwrap();
    assert!(outcomes.all(|other| other == outcome), "instruction sets differ");
    outcome
}

fn inflated_with(level: Level, packed: &[u8], inputs: &[usize], outputs: &[usize]) -> Outcome {
    let (mut inputs, mut outputs) = (inputs.iter().cycle(), outputs.iter().cycle());
    let mut inflater = Inflater::with_level(level);
    let (mut bytes, mut n_taken) = (Vec::new(), 0);
    // Bytes before the stream, which no match may reach.
    let mut buffer = b"before the stream".to_vec();
    let mut window_end = buffer.len();
    let mut slice_end = 0;
    let mut is_full = true;
    let mut end = Ok(InflateStatus::NeedsInput);
    while bytes.len() < 4 << 20 {
        if slice_end == n_taken {
            slice_end = packed.len().min(n_taken + inputs.next().unwrap());
        }
        if is_full {
            buffer.truncate(window_end);
            let n_old = buffer.len().saturating_sub(WINDOW_BYTES);
            buffer.drain(..n_old);
            window_end = buffer.len();
            buffer.resize(window_end + outputs.next().unwrap(), 0xa5);
        }
        let mut input = &packed[n_taken..slice_end];
        let mut position = window_end;
        end = inflater.inflate(&mut input, &mut buffer, &mut position);
        bytes.extend_from_slice(&buffer[window_end..position]);
        window_end = position;
        n_taken = slice_end - input.len();
        is_full = end == Ok(InflateStatus::OutputFull);
        assert!(!is_full || position == buffer.len(), "full where there is room");
        match end {
            Ok(InflateStatus::NeedsInput) => {
                assert!(input.is_empty(), "input left where more is asked for");
                if slice_end == packed.len() {
                    break;
                }
            }
            Ok(InflateStatus::OutputFull) => {}
            _ => break,
        }
    }
    Outcome { bytes, end, n_left: packed.len() - n_taken }
}

/// Decodes at once.
fn inflated(packed: &[u8]) -> Outcome {
    inflated_in_pieces(packed, &[packed.len()], &[1 << 20])
}

/// What zlib-rs makes of a stream: the bytes before its end or the error, and whether it ended well.
fn inflated_by_zlib(packed: &[u8]) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    let is_whole = flate2::bufread::DeflateDecoder::new(packed).read_to_end(&mut bytes).is_ok();
    (bytes, is_whole)
}
