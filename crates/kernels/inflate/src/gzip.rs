//! gzip (RFC 1952) around [`Inflater`]: members one after the other, each with its checksum.
//!
//! Zeros after the last member are padding, as gzip(1) takes them (tapes and some stores fill up
//! blocks); anything else there is an error, because a report that was cut and glued must not pass
//! for a whole one.

use std::io::{self, BufRead, ErrorKind};

use crc32fast::Hasher;
use fearless_simd::Level;

use super::{InflateStatus, Inflater};

/// The first bytes of a member, and the method: DEFLATE.
const START: [u8; 3] = [0x1f, 0x8b, 8];

/// Bits of the flag byte; the one for text (1) says nothing of the format.
mod flag {
    pub(super) const HEADER_CHECKSUM: u8 = 2;
    pub(super) const EXTRA: u8 = 4;
    pub(super) const NAME: u8 = 8;
    pub(super) const COMMENT: u8 = 16;
    pub(super) const RESERVED: u8 = 0xe0;
}

/// Where in the file the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GzipPart {
    FirstHeader,
    Body,
    AfterMember,
    End,
    Failed,
}

/// Unpacks gzip, one or more members, into the caller's buffer.
pub struct GunzipReader<R> {
    source: R,
    inflater: Inflater,
    part: GzipPart,
    /// Of the member at hand.
    checksum: Hasher,
    /// Unpacked bytes of the member at hand.
    n_bytes: u64,
}

impl<R: BufRead> GunzipReader<R> {
    /// Reads from `source`, which stands before the first member, with the best instructions of this
    /// machine.
    pub fn new(source: R) -> Self {
        Self::with_level(source, Level::new())
    }

    /// The same with other instructions that the machine has than its best.
    pub fn with_level(source: R, level: Level) -> Self {
        Self {
            source,
            inflater: Inflater::with_level(level),
            part: GzipPart::FirstHeader,
            checksum: Hasher::new(),
            n_bytes: 0,
        }
    }

    /// Unpacks to `output[*position..]` until it is full or the data ends; only then `position` is
    /// less than the length afterwards, and only then everything was checked.
    /// `output[..*position]` must end with the bytes written before, at least the last
    /// [`WINDOW_BYTES`](super::WINDOW_BYTES) of them. Bytes behind the new position may be
    /// overwritten with anything.
    ///
    /// # Errors
    /// `UnexpectedEof` if the data ends within a member, `InvalidData` if it is no gzip or damaged,
    /// and what the source says. Each call after an error fails. The bytes before `position` were
    /// unpacked before the error and are not checked.
    pub fn read_into(&mut self, output: &mut [u8], position: &mut usize) -> io::Result<()> {
        let result = self.fill(output, position);
        if result.is_err() {
            self.part = GzipPart::Failed;
        }
        result
    }

    fn fill(&mut self, output: &mut [u8], position: &mut usize) -> io::Result<()> {
        while *position < output.len() {
            self.part = match self.part {
                GzipPart::FirstHeader => {
                    let first = self.byte()?;
                    self.header(first)?;
                    GzipPart::Body
                }
                GzipPart::Body => self.body(output, position)?,
                GzipPart::AfterMember => self.after_member()?,
                GzipPart::End => return Ok(()),
                GzipPart::Failed => return Err(damaged("reading failed before")),
            };
        }
        Ok(())
    }

    /// Unpacks what the source has at hand.
    fn body(&mut self, output: &mut [u8], position: &mut usize) -> io::Result<GzipPart> {
        let input = filled(&mut self.source)?;
        let mut rest = input;
        let start = *position;
        let result = self.inflater.inflate(&mut rest, output, position);
        let (n_taken, is_at_end) = (input.len() - rest.len(), input.is_empty());
        self.source.consume(n_taken);
        let written = &output[start..*position];
        self.checksum.update(written);
        self.n_bytes += written.len() as u64;
        match result.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))? {
            InflateStatus::NeedsInput if is_at_end => Err(cut()),
            InflateStatus::NeedsInput | InflateStatus::OutputFull => Ok(GzipPart::Body),
            InflateStatus::Done => {
                self.trailer()?;
                Ok(GzipPart::AfterMember)
            }
        }
    }

    /// Reads the header of a member, whose first byte was read.
    fn header(&mut self, first: u8) -> io::Result<()> {
        let mut checksum = Hasher::new();
        let mut fixed = [first; 10];
        self.bytes(&mut fixed[1..])?;
        checksum.update(&fixed);
        let flags = fixed[3];
        if fixed[..2] != START[..2] {
            return Err(damaged("no gzip header where one should be"));
        }
        if fixed[2] != START[2] || flags & flag::RESERVED != 0 {
            return Err(damaged("the gzip header asks for what does not exist"));
        }
        if flags & flag::EXTRA != 0 {
            let mut length = [0; 2];
            self.bytes(&mut length)?;
            checksum.update(&length);
            for _ in 0..u16::from_le_bytes(length) {
                checksum.update(&[self.byte()?]);
            }
        }
        for text in [flag::NAME, flag::COMMENT] {
            let mut has_more = flags & text != 0;
            while has_more {
                let byte = self.byte()?;
                checksum.update(&[byte]);
                has_more = byte != 0;
            }
        }
        if flags & flag::HEADER_CHECKSUM != 0 {
            let mut expected = [0; 2];
            self.bytes(&mut expected)?;
            if checksum.finalize() & 0xffff != u32::from(u16::from_le_bytes(expected)) {
                return Err(damaged("the checksum of the gzip header is wrong"));
            }
        }
        self.inflater.reset();
        self.checksum.reset();
        self.n_bytes = 0;
        Ok(())
    }

    /// Reads the end of a member and compares what it says with what was unpacked.
    fn trailer(&mut self) -> io::Result<()> {
        let (mut checksum, mut n_bytes) = ([0; 4], [0; 4]);
        self.bytes(&mut checksum)?;
        self.bytes(&mut n_bytes)?;
        if u32::from_le_bytes(checksum) != self.checksum.clone().finalize() {
            return Err(damaged("the checksum of the data is wrong"));
        }
        if u64::from(u32::from_le_bytes(n_bytes)) != self.n_bytes & 0xffff_ffff {
            return Err(damaged("the length of the data is wrong"));
        }
        Ok(())
    }

    /// Reads the header of a further member, or padding to the end.
    fn after_member(&mut self) -> io::Result<GzipPart> {
        let Some(&first) = filled(&mut self.source)?.first() else {
            return Ok(GzipPart::End);
        };
        if first != 0 {
            self.source.consume(1);
            self.header(first)?;
            return Ok(GzipPart::Body);
        }
        loop {
            let padding = filled(&mut self.source)?;
            if padding.is_empty() {
                return Ok(GzipPart::End);
            }
            if padding.iter().any(|&byte| byte != 0) {
                return Err(damaged("something follows the padding after the data"));
            }
            let n_bytes = padding.len();
            self.source.consume(n_bytes);
        }
    }

    fn byte(&mut self) -> io::Result<u8> {
        let &byte = filled(&mut self.source)?.first().ok_or_else(cut)?;
        self.source.consume(1);
        Ok(byte)
    }

    fn bytes(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        for byte in bytes {
            *byte = self.byte()?;
        }
        Ok(())
    }
}

/// What the source has at hand, empty at its end only.
fn filled<R: BufRead>(source: &mut R) -> io::Result<&[u8]> {
    loop {
        match source.fill_buf() {
            Ok([]) => return Ok(&[]),
            Ok(_) => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    // Something is at hand, so this reads nothing.
    source.fill_buf()
}

fn cut() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "the data ends before its end")
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}
