//! The inner loop: decodes symbols while neither the input nor the output can run out.
//!
//! A turn decodes up to three entries of literals or one match with what is before it. Its bounds
//! are looked at once, at its top. The entry behind is looked up before a refill and before a match
//! is copied: each look-up waits for the one before, and nothing else may be waited for.
//!
//! The loop is compiled for several instruction sets, of which the machine's is taken: shifts by a
//! variable number of bits are one step shorter with BMI2.

#![expect(clippy::inline_always, reason = "what the loop calls must be part of it, as it is timed")]

use fearless_simd::{Level, dispatch};

use super::InflateError::{self, DistanceSymbol, LengthSymbol, TooFarBack};
use super::InflateOutput;
use super::bits::{BitReader, REFILLED_BITS, ones};
use super::codes::BlockCodes;
use super::entry::TableEntry;
use super::matches::{MATCH_ROOM, copy_match};

/// Bytes of input that a turn may look at: a refill of at most 7 bytes and one that loads 8.
const INPUT_ROOM: usize = 16;

/// Bytes of output that a turn may write: seven literals, a match and what its copying writes beyond.
const OUTPUT_ROOM: usize = 9 + MATCH_ROOM;

/// Why the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndedBlock {
    /// The input or the output is too near its end.
    NearEdge,
    /// The block ended.
    BlockEnd,
}

/// The bits held and the rest of the input, as in [`BitReader`]; the bits above those that count are
/// the next ones of the input or zero, and of `n_bits` only the low six bits count.
struct HeldBits<'a> {
    rest: &'a [u8],
    bits: u64,
    n_bits: u32,
}

impl HeldBits<'_> {
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
        codes: &BlockCodes,
        entry: TableEntry,
        output: &mut [u8],
        at: &mut usize,
    ) -> TableEntry {
        output[*at..*at + 2].copy_from_slice(&entry.literals().to_le_bytes());
        *at += 1 + entry.n_leading();
        self.drop_bits(entry.n_bits());
        codes.literal.first(self.bits)
    }
}

/// Decodes until the input or the output is near its end or the block ends.
///
/// # Errors
/// Symbols that stand for nothing, and distances that reach before the output.
pub(super) fn decode(
    level: Level,
    codes: &BlockCodes,
    reader: &mut BitReader<'_>,
    out: &mut InflateOutput<'_>,
) -> Result<EndedBlock, InflateError> {
    let rest = reader.input.get(reader.at..).unwrap_or_default();
    let mut bits = HeldBits { rest, bits: reader.bits, n_bits: reader.n_bits };
    let result = turns_at(level, codes, &mut bits, out);
    reader.at = reader.input.len() - bits.rest.len();
    reader.n_bits = bits.n_bits & 63;
    reader.bits = bits.bits & ones(reader.n_bits);
    result
}

fn turns_at(
    level: Level,
    codes: &BlockCodes,
    held: &mut HeldBits<'_>,
    out: &mut InflateOutput<'_>,
) -> Result<EndedBlock, InflateError> {
    dispatch!(level, _ => turns(codes, held, out))
}

#[inline(always)]
fn turns(
    codes: &BlockCodes,
    held: &mut HeldBits<'_>,
    out: &mut InflateOutput<'_>,
) -> Result<EndedBlock, InflateError> {
    if held.rest.len() < 2 * INPUT_ROOM || out.bytes.len() < OUTPUT_ROOM {
        return Ok(EndedBlock::NearEdge);
    }
    let mut bits = HeldBits { rest: held.rest, bits: held.bits, n_bits: held.n_bits };
    bits.refill();
    let entry = codes.literal.first(bits.bits);
    let mut place = OutputPlace { bits, entry, at: out.at };
    let last_start = out.bytes.len() - OUTPUT_ROOM;
    let ended = loop {
        if place.bits.rest.len() < INPUT_ROOM || last_start < place.at {
            break Ok(EndedBlock::NearEdge);
        }
        if let Some(ended) = turn(codes, &mut place, out) {
            break ended;
        }
    };
    out.at = place.at;
    *held = place.bits;
    ended
}

/// Where a turn stands: bits held, the entry for the next of them, and where its bytes go.
struct OutputPlace<'a> {
    bits: HeldBits<'a>,
    entry: TableEntry,
    at: usize,
}

/// What ends the loop.
type FastEnd = Option<Result<EndedBlock, InflateError>>;

/// One turn, for which there is room on both sides.
#[inline(always)]
fn turn(codes: &BlockCodes, place: &mut OutputPlace<'_>, out: &mut InflateOutput<'_>) -> FastEnd {
    let OutputPlace { bits, entry: next, at } = place;
    let (output, first) = (&mut *out.bytes, out.first);
    let mut entry = *next;
    if entry.is_literal() {
        entry = bits.literals(codes, entry, output, at);
        if entry.is_literal() {
            entry = bits.literals(codes, entry, output, at);
            if entry.is_literal() {
                entry = bits.literals(codes, entry, output, at);
                if entry.is_literal() {
                    bits.refill();
                    *next = entry;
                    return None;
                }
            }
        }
        bits.refill();
    }
    if entry.is_special() {
        entry = codes.literal.further(entry, bits.bits);
        if entry.is_literal() {
            *next = bits.literals(codes, entry, output, at);
            bits.refill();
            return None;
        }
        if entry.is_special() {
            bits.drop_bits(entry.n_bits());
            return Some(if entry.is_end() { Ok(EndedBlock::BlockEnd) } else { Err(LengthSymbol) });
        }
    }
    output[*at] = (entry.literals() & 0xff) as u8;
    *at += entry.n_leading();
    let length = entry.length_in(bits.bits);
    bits.drop_bits(entry.n_bits());
    let distance_entry = codes.distance.look_up(bits.bits);
    if distance_entry.is_special() {
        return Some(Err(DistanceSymbol));
    }
    let distance = distance_entry.value_in(bits.bits);
    bits.drop_bits(distance_entry.n_bits());
    if distance > *at - first {
        return Some(Err(TooFarBack));
    }
    bits.refill();
    *next = codes.literal.first(bits.bits);
    copy_match(output, *at, distance, length);
    *at += length;
    None
}
