//! Unpacking of DEFLATE (RFC 1951) and gzip (RFC 1952) in pieces, fast and without unsafe code.
//!
//! The output is written into the caller's buffer, which keeps the last 32 KiB written before: they
//! are the window that matches are copied from, so there is no window to copy in and out. A report
//! unpacks as fast as with decoders that need the whole of it in memory.
//!
//! The path of a byte: `gzip` reads the header of a member, [`Inflater`] the blocks in it; the
//! `header` of a block gives its `codes`, each a `table` of `entry`s; `fast` decodes with them as
//! long as there is room on both sides, and the plain loop here the few symbols near the edges.

mod bits;
mod codes;
mod entry;
mod fast;
pub mod gzip;
mod header;
mod matches;
mod symbols;
mod table;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use bits::BitReader;
use codes::BlockCodes;
use entry::TableEntry;
use fearless_simd::Level;
use header::BlockHead;
use matches::copy_match_at_edge;

/// How far back a match may reach, bytes.
pub const WINDOW_BYTES: usize = 32 << 10;

static FIXED_CODES: LazyLock<BlockCodes> = LazyLock::new(BlockCodes::fixed);

/// Why a call of [`Inflater::inflate`] returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InflateStatus {
    /// All input was taken and the stream goes on.
    NeedsInput,
    /// The output is full and the stream goes on.
    OutputFull,
    /// The stream ended; the input stands at the byte after it.
    Done,
}

/// What is wrong with a DEFLATE stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InflateError {
    /// Only 0 to 2 exist.
    #[error("a block has the type 3, which does not exist")]
    BlockType,
    /// The length is written twice, the second time inverted.
    #[error("the length of a stored block differs from its check value")]
    StoredLength,
    /// There are 286 and 30 symbols.
    #[error("a block has more than 286 literal codes or more than 30 distance codes")]
    TooManyCodes,
    /// Over-subscribed or incomplete.
    #[error("the code of the code lengths is over-subscribed or incomplete")]
    CodeLengthCode,
    /// Nothing before it, or too many.
    #[error("a repeat of code lengths has nothing to repeat or goes beyond the last one")]
    LengthRepeat,
    /// Such a block could not end.
    #[error("a block has no code for its end")]
    NoEndOfBlock,
    /// Over-subscribed or incomplete.
    #[error("the code of the literals and lengths is over-subscribed or incomplete")]
    LiteralCode,
    /// Over-subscribed or incomplete.
    #[error("the code of the distances is over-subscribed or incomplete")]
    DistanceCode,
    /// A code that stands for nothing.
    #[error("a code stands for no literal and no length")]
    LengthSymbol,
    /// A code that stands for nothing.
    #[error("a code stands for no distance")]
    DistanceSymbol,
    /// Before the first byte, or before what the output keeps.
    #[error("a distance reaches back beyond the first byte")]
    TooFarBack,
}

/// Where in the stream the next bit stands.
enum InflateStage {
    /// Before a block.
    Block,
    /// Before the length of a stored block.
    StoredLength,
    /// Within a stored block that has so many bytes left.
    Stored(usize),
    /// Before the counts of a block with codes of its own.
    Head,
    /// Within its code lengths.
    CodeLengths,
    /// Before a symbol.
    Symbols(BlockCoding),
    /// Within a match that did not fit in the output.
    Match { length: usize, distance: usize, coding: BlockCoding },
    /// After the last block.
    Done,
    /// There is no going on.
    Failed(InflateError),
}

/// Whose codes a block uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BlockCoding {
    Fixed,
    Own,
}

/// One step through the stream.
enum InflateStep {
    /// To this stage.
    To(InflateStage),
    /// Not without more input or output.
    Stop(InflateStatus),
}

/// Decodes a raw DEFLATE stream. It may stop wherever the input runs out or the output is full, and
/// goes on from there.
pub struct Inflater {
    level: Level,
    stage: InflateStage,
    is_last_block: bool,
    /// Bits taken from the input before, which belong to the next element.
    bits: u64,
    n_bits: u32,
    /// Bytes of this stream written so far.
    n_written: u64,
    /// Of the block at hand, if it has codes of its own.
    head: BlockHead,
    /// Of the block at hand, if it has its own.
    codes: Box<BlockCodes>,
}

impl Default for Inflater {
    fn default() -> Self {
        Self::new()
    }
}

impl Inflater {
    /// Stands before a stream, with the instructions of this machine.
    #[must_use]
    pub fn new() -> Self {
        Self::with_level(Level::new())
    }

    /// The same with other instructions that the machine has.
    #[must_use]
    pub fn with_level(level: Level) -> Self {
        Self {
            level,
            stage: InflateStage::Block,
            is_last_block: false,
            bits: 0,
            n_bits: 0,
            n_written: 0,
            head: BlockHead::new(),
            codes: Box::new(BlockCodes::new()),
        }
    }

    /// Stands before another stream, whatever came before.
    pub fn reset(&mut self) {
        self.stage = InflateStage::Block;
        (self.is_last_block, self.bits, self.n_bits, self.n_written) = (false, 0, 0, 0);
    }

    /// Decodes from the front of `input`, which then starts at the first byte that was not taken, to
    /// `output[*position..]`. `output[..*position]` must end with the bytes of this stream that were
    /// written before, at least the last [`WINDOW_BYTES`] of them. Bytes behind the new position may
    /// be overwritten with anything.
    ///
    /// # Errors
    /// [`InflateError`], also from each call after it until [`Inflater::reset`]. What was written
    /// before the wrong place stands before `position`.
    ///
    /// # Panics
    /// If `position` is beyond the output.
    pub fn inflate(
        &mut self,
        input: &mut &[u8],
        output: &mut [u8],
        position: &mut usize,
    ) -> Result<InflateStatus, InflateError> {
        assert!(*position <= output.len(), "the position to write at is beyond the output");
        let start = *position;
        let n_before = usize::try_from(self.n_written).unwrap_or(usize::MAX);
        let mut reader = BitReader::new(input, self.bits, self.n_bits);
        let first = start.saturating_sub(n_before);
        let mut out = InflateOutput { bytes: output, at: start, first };
        let result = loop {
            match self.step(&mut reader, &mut out) {
                Ok(InflateStep::To(stage)) => self.stage = stage,
                Ok(InflateStep::Stop(status)) => break Ok(status),
                Err(error) => {
                    self.stage = InflateStage::Failed(error);
                    break Err(error);
                }
            }
        };
        if result != Ok(InflateStatus::NeedsInput) {
            reader.give_back();
        }
        (self.bits, self.n_bits) = (reader.bits, reader.n_bits);
        *input = input.get(reader.at..).unwrap_or_default();
        *position = out.at;
        self.n_written += (out.at - start) as u64;
        result
    }

    fn step(
        &mut self,
        reader: &mut BitReader<'_>,
        out: &mut InflateOutput<'_>,
    ) -> Result<InflateStep, InflateError> {
        match &mut self.stage {
            InflateStage::Block if self.is_last_block => Ok(InflateStep::To(InflateStage::Done)),
            InflateStage::Block => {
                let Some(field) = reader.take(3) else {
                    return Ok(InflateStep::Stop(InflateStatus::NeedsInput));
                };
                self.is_last_block = field & 1 != 0;
                Ok(InflateStep::To(match field >> 1 {
                    0 => InflateStage::StoredLength,
                    1 => InflateStage::Symbols(BlockCoding::Fixed),
                    2 => InflateStage::Head,
                    _ => return Err(InflateError::BlockType),
                }))
            }
            InflateStage::StoredLength => stored_length(reader),
            InflateStage::Stored(0) => Ok(InflateStep::To(InflateStage::Block)),
            InflateStage::Stored(n_left) => Ok(copy_stored(reader, out, n_left)),
            InflateStage::Head => Ok(if self.head.start(reader)? {
                InflateStep::To(InflateStage::CodeLengths)
            } else {
                InflateStep::Stop(InflateStatus::NeedsInput)
            }),
            InflateStage::CodeLengths => Ok(if self.head.go_on(reader, &mut self.codes)? {
                InflateStep::To(InflateStage::Symbols(BlockCoding::Own))
            } else {
                InflateStep::Stop(InflateStatus::NeedsInput)
            }),
            InflateStage::Symbols(BlockCoding::Fixed) => {
                symbols(self.level, &FIXED_CODES, BlockCoding::Fixed, reader, out)
            }
            InflateStage::Symbols(BlockCoding::Own) => {
                symbols(self.level, &self.codes, BlockCoding::Own, reader, out)
            }
            InflateStage::Match { length, distance, coding } => {
                *length -= out.copy(*distance, *length);
                Ok(if *length > 0 {
                    InflateStep::Stop(InflateStatus::OutputFull)
                } else {
                    InflateStep::To(InflateStage::Symbols(*coding))
                })
            }
            InflateStage::Done => Ok(InflateStep::Stop(InflateStatus::Done)),
            InflateStage::Failed(error) => Err(*error),
        }
    }
}

/// What is written to.
struct InflateOutput<'a> {
    bytes: &'a mut [u8],
    /// Where the next byte goes.
    at: usize,
    /// Where the stream's first byte is, or 0 if it is not there any more.
    first: usize,
}

impl InflateOutput<'_> {
    /// Writes what fits of a match; how much that is.
    fn copy(&mut self, distance: usize, length: usize) -> usize {
        let n_copied = copy_match_at_edge(self.bytes, self.at, distance, length);
        self.at += n_copied;
        n_copied
    }
}

/// Reads the length of a stored block, which starts at the next whole byte.
fn stored_length(reader: &mut BitReader<'_>) -> Result<InflateStep, InflateError> {
    reader.refill();
    let n_padding_bits = reader.n_bits & 7;
    if reader.n_bits < n_padding_bits + 32 {
        return Ok(InflateStep::Stop(InflateStatus::NeedsInput));
    }
    reader.drop_bits(n_padding_bits);
    let (length, check) = (reader.bits & 0xffff, reader.bits >> 16 & 0xffff);
    if length != check ^ 0xffff {
        return Err(InflateError::StoredLength);
    }
    reader.drop_bits(32);
    // The length took all bits that were held before, so these are of this input.
    reader.give_back();
    debug_assert_eq!(reader.n_bits, 0, "bits of an earlier input are left before stored bytes");
    Ok(InflateStep::To(InflateStage::Stored((length & 0xffff) as usize)))
}

/// Copies from the input what fits of a stored block.
fn copy_stored(
    reader: &mut BitReader<'_>,
    out: &mut InflateOutput<'_>,
    n_left: &mut usize,
) -> InflateStep {
    let from = reader.input.get(reader.at..).unwrap_or_default();
    let to = out.bytes.get_mut(out.at..).unwrap_or_default();
    let n_bytes = from.len().min(to.len()).min(*n_left);
    to[..n_bytes].copy_from_slice(&from[..n_bytes]);
    reader.at += n_bytes;
    out.at += n_bytes;
    *n_left -= n_bytes;
    if *n_left == 0 {
        InflateStep::To(InflateStage::Block)
    } else if out.at == out.bytes.len() {
        InflateStep::Stop(InflateStatus::OutputFull)
    } else {
        InflateStep::Stop(InflateStatus::NeedsInput)
    }
}

/// Decodes symbols to the end of the block or until it has to stop.
fn symbols(
    level: Level,
    codes: &BlockCodes,
    coding: BlockCoding,
    reader: &mut BitReader<'_>,
    out: &mut InflateOutput<'_>,
) -> Result<InflateStep, InflateError> {
    match fast::decode(level, codes, reader, out)? {
        fast::EndedBlock::BlockEnd => return Ok(InflateStep::To(InflateStage::Block)),
        fast::EndedBlock::NearEdge => {}
    }
    loop {
        reader.refill();
        let entry = codes.literal.look_up(reader.bits);
        // Bits that are not there are taken for zeros: what needs them does not count.
        if entry.n_code_bits().max(1) > reader.n_bits {
            return Ok(InflateStep::Stop(InflateStatus::NeedsInput));
        }
        if entry.is_literal() {
            let Some(byte) = out.bytes.get_mut(out.at) else {
                return Ok(InflateStep::Stop(InflateStatus::OutputFull));
            };
            *byte = (entry.literals() & 0xff) as u8;
            out.at += 1;
            // Of two literals that share an entry, the second one has its turn.
            reader.drop_bits(entry.n_code_bits());
            continue;
        }
        if entry.is_special() {
            if !entry.is_end() {
                return Err(InflateError::LengthSymbol);
            }
            reader.drop_bits(entry.n_bits());
            return Ok(InflateStep::To(InflateStage::Block));
        }
        if entry.n_leading() > 0 && out.at == out.bytes.len() {
            return Ok(InflateStep::Stop(InflateStatus::OutputFull));
        }
        let Some((length, distance)) = whole_match(codes, entry, reader)? else {
            return Ok(InflateStep::Stop(InflateStatus::NeedsInput));
        };
        if entry.n_leading() > 0 {
            out.bytes[out.at] = (entry.literals() & 0xff) as u8;
            out.at += 1;
        }
        if distance > out.at - out.first {
            return Err(InflateError::TooFarBack);
        }
        let n_copied = out.copy(distance, length);
        if n_copied < length {
            let length = length - n_copied;
            return Ok(InflateStep::To(InflateStage::Match { length, distance, coding }));
        }
    }
}

/// Takes a length and its distance, or nothing if the input ends within.
fn whole_match(
    codes: &BlockCodes,
    entry: TableEntry,
    reader: &mut BitReader<'_>,
) -> Result<Option<(usize, usize)>, InflateError> {
    let n_left = reader.n_bits.checked_sub(entry.n_bits());
    let bits = reader.bits >> entry.n_bits();
    let distance_entry = codes.distance.look_up(bits);
    let needed = distance_entry.n_bits();
    if n_left.is_none_or(|n_left| n_left < needed) {
        return Ok(None);
    }
    if distance_entry.is_special() {
        return Err(InflateError::DistanceSymbol);
    }
    let length = entry.length_in(reader.bits);
    reader.drop_bits(entry.n_bits() + needed);
    Ok(Some((length, distance_entry.value_in(bits))))
}
