//! The inner loop: decodes symbols while neither the input nor the output can run out.
//!
//! A turn decodes up to three entries of literals or one match with what is before it. Its bounds
//! are looked at once, at its top. The entry behind is looked up before a refill and before a match
//! is copied: each look-up waits for the one before, and nothing else may be waited for.
//!
//! The loop is compiled for several instruction sets, of which the machine's is taken: shifts by a
//! variable number of bits are one step shorter with BMI2.

#![expect(clippy::inline_always, reason = "what the loop calls must be part of it, as it is timed")]

use fearless_simd::dispatch;

use super::InflateError::{self, DistanceSymbol, LengthSymbol, TooFarBack};
use super::Output;
use super::bits::{BitReader, REFILLED_BITS, ones};
use super::codes::Codes;
use super::entry::Entry;
use super::matches::{MATCH_ROOM, copy_match};
use crate::ingest::LEVEL;

/// Bytes of input that a turn may look at: a refill of at most 7 bytes and one that loads 8.
const INPUT_ROOM: usize = 16;

/// Bytes of output that a turn may write: seven literals, a match and what its copying writes beyond.
const OUTPUT_ROOM: usize = 9 + MATCH_ROOM;

/// Why the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The input or the output is too near its end.
    NearEdge,
    /// The block ended.
    BlockEnd,
}

/// The bits held and the rest of the input, as in [`BitReader`]; the bits above those that count are
/// the next ones of the input or zero, and of `n_bits` only the low six bits count.
struct Held<'a> {
    rest: &'a [u8],
    bits: u64,
    n_bits: u32,
}

impl Held<'_> {
    /// Brings the bits held to 56 at least.
    #[inline(always)]
    fn refill(&mut self) {
        let mut word = [0; 8];
        word.copy_from_slice(&self.rest[..8]);
        self.bits |= u64::from_le_bytes(word) << (self.n_bits & 63);
        self.rest = &self.rest[7 - (self.n_bits >> 3 & 7) as usize..];
        self.n_bits |= REFILLED_BITS;
    }

    /// Drops what an entry stands for.
    #[inline(always)]
    fn drop_bits(&mut self, n_bits: u32) {
        self.bits >>= n_bits & 63;
        self.n_bits = self.n_bits.wrapping_sub(n_bits);
    }

    /// Writes the literals of an entry; the next entry.
    #[inline(always)]
    fn literals(
        &mut self,
        codes: &Codes,
        entry: Entry,
        output: &mut [u8],
        at: &mut usize,
    ) -> Entry {
        output[*at..*at + 2].copy_from_slice(&entry.literals().to_le_bytes());
        *at += 1 + entry.n_leading();
        self.drop_bits(entry.n_bits());
        codes.literal.first(self.bits)
    }
}

/// Decodes until the input or the output is near its end or the block ends. What is written is hashed
/// on the way.
///
/// # Errors
/// Symbols that stand for nothing, and distances that reach before the output.
pub(super) fn decode(
    codes: &Codes,
    reader: &mut BitReader<'_>,
    out: &mut Output<'_>,
) -> Result<Ended, InflateError> {
    let rest = reader.input.get(reader.at..).unwrap_or_default();
    let mut bits = Held { rest, bits: reader.bits, n_bits: reader.n_bits };
    let result = dispatch!(*LEVEL, _ => turns(codes, &mut bits, out));
    reader.at = reader.input.len() - bits.rest.len();
    reader.n_bits = bits.n_bits & 63;
    reader.bits = bits.bits & ones(reader.n_bits);
    result
}

#[inline(always)]
fn turns(codes: &Codes, held: &mut Held<'_>, out: &mut Output<'_>) -> Result<Ended, InflateError> {
    let Output { bytes: output, at: position, first, hash } = out;
    let (output, first) = (&mut **output, *first);
    if held.rest.len() < 2 * INPUT_ROOM || output.len() < OUTPUT_ROOM {
        return Ok(Ended::NearEdge);
    }
    let output_last = output.len() - OUTPUT_ROOM;
    let mut bits = Held { rest: held.rest, bits: held.bits, n_bits: held.n_bits };
    let mut at = *position;
    let mut pause = output_last.min(hash.pause());
    bits.refill();
    let mut entry = codes.literal.first(bits.bits);
    let ended = loop {
        if bits.rest.len() < INPUT_ROOM || at > pause {
            if bits.rest.len() < INPUT_ROOM || at > output_last {
                break Ok(Ended::NearEdge);
            }
            hash.follow(&output[..at]);
            pause = output_last.min(hash.pause());
        }
        if entry.is_literal() {
            entry = bits.literals(codes, entry, output, &mut at);
            if entry.is_literal() {
                entry = bits.literals(codes, entry, output, &mut at);
                if entry.is_literal() {
                    entry = bits.literals(codes, entry, output, &mut at);
                    if entry.is_literal() {
                        bits.refill();
                        continue;
                    }
                }
            }
            bits.refill();
        }
        if entry.is_special() {
            entry = codes.literal.further(entry, bits.bits);
            if entry.is_literal() {
                entry = bits.literals(codes, entry, output, &mut at);
                bits.refill();
                continue;
            }
            if entry.is_special() {
                bits.drop_bits(entry.n_bits());
                break if entry.is_end() { Ok(Ended::BlockEnd) } else { Err(LengthSymbol) };
            }
        }
        output[at] = (entry.literals() & 0xff) as u8;
        at += entry.n_leading();
        let length = entry.length_in(bits.bits);
        bits.drop_bits(entry.n_bits());
        let distance_entry = codes.distance.look_up(bits.bits);
        if distance_entry.is_special() {
            break Err(DistanceSymbol);
        }
        let distance = distance_entry.value_in(bits.bits);
        bits.drop_bits(distance_entry.n_bits());
        if distance > at - first {
            break Err(TooFarBack);
        }
        bits.refill();
        entry = codes.literal.first(bits.bits);
        copy_match(output, at, distance, length);
        at += length;
    };
    *position = at;
    *held = bits;
    ended
}
