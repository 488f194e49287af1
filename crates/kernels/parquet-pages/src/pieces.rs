//! Bytes that follow each other without lying side by side: the pages of a column, which go to the
//! file from where they were compressed.

use std::collections::VecDeque;
use std::io::{self, Read, Write};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

/// Bytes in several pieces.
#[derive(Debug, Clone, Default)]
pub(crate) struct BytePieces {
    pieces: Vec<Bytes>,
}

impl BytePieces {
    /// Appends a piece.
    pub(crate) fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.pieces.push(piece);
        }
    }
}

impl Length for BytePieces {
    fn len(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.len() as u64).sum()
    }
}

impl ChunkReader for BytePieces {
    type T = PiecesReader;

    fn get_read(&self, start: u64) -> Result<PiecesReader> {
        let mut reader = PiecesReader { pieces: self.pieces.iter().cloned().collect() };
        io::copy(&mut (&mut reader).take(start), &mut io::sink())?;
        Ok(reader)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let mut bytes = vec![0; length];
        self.get_read(start)?.read_exact(&mut bytes).map_err(ParquetError::from)?;
        Ok(bytes.into())
    }
}

/// Reads one piece after the other.
#[derive(Debug)]
pub(crate) struct PiecesReader {
    pieces: VecDeque<Bytes>,
}

impl Read for PiecesReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(first) = self.pieces.front_mut() else {
            return Ok(0);
        };
        let n_bytes = first.len().min(buffer.len());
        buffer[..n_bytes].copy_from_slice(&first.split_to(n_bytes));
        if first.is_empty() {
            self.pieces.pop_front();
        }
        Ok(n_bytes)
    }
}

/// Collects what is written: bytes that are known as they are, without copying them, others by copy.
#[derive(Debug, Default)]
pub(crate) struct PiecesWriter {
    /// What will be written, in order, if it comes in one piece.
    known: VecDeque<Bytes>,
    /// What came since the last known bytes.
    copied: Vec<u8>,
    pieces: BytePieces,
}

impl PiecesWriter {
    /// Knows these bytes, which come in this order, if all of them come.
    #[must_use]
    pub(crate) fn new(known: impl IntoIterator<Item = Bytes>) -> Self {
        Self { known: known.into_iter().collect(), ..Self::default() }
    }

    /// All that was written.
    #[must_use]
    pub(crate) fn finish(mut self) -> BytePieces {
        self.keep_copied();
        self.pieces
    }

    fn keep_copied(&mut self) {
        self.pieces.push(std::mem::take(&mut self.copied).into());
    }
}

impl Write for PiecesWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let place = self.known.iter().position(|known| std::ptr::eq(&raw const **known, bytes));
        if let Some(known) = place.and_then(|place| self.known.drain(..=place).next_back()) {
            self.keep_copied();
            self.pieces.push(known);
        } else {
            self.copied.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufWriter;

    use proptest::prelude::*;

    use super::*;

    fn read_from(pieces: &BytePieces, start: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        pieces.get_read(start as u64).unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    }

    proptest! {
        #[test]
        fn pieces_are_what_was_written(lengths in prop::collection::vec((0_usize..40, 0_usize..40), 0..9), start in 0_usize..99) {
            let piece = |length: usize, first: usize| -> Bytes {
                (first..first + length).map(|n| n.to_le_bytes()[0]).collect::<Vec<u8>>().into()
            };
            let known: Vec<Bytes> = lengths.iter().map(|(length, _)| piece(*length, *length)).collect();
            // Short ones are copied on their way.
            let mut writer = BufWriter::with_capacity(16, PiecesWriter::new(known.clone()));
            let mut expected = Vec::new();
            for (known, (_, header)) in known.iter().zip(&lengths) {
                for bytes in [&piece(*header, 7), known] {
                    writer.write_all(bytes).unwrap();
                    expected.extend_from_slice(bytes);
                }
            }
            let pieces = writer.into_inner().unwrap().finish();
            prop_assert_eq!(pieces.len(), expected.len() as u64);
            let start = start.min(expected.len());
            prop_assert_eq!(read_from(&pieces, start), &expected[start..]);
            let length = (expected.len() - start) / 2;
            prop_assert_eq!(pieces.get_bytes(start as u64, length).unwrap(), &expected[start..start + length]);
        }
    }

    #[test]
    fn known_bytes_are_not_copied() {
        let (first, second) = (Bytes::from(vec![1; 9]), Bytes::from(vec![2; 9]));
        let mut writer = PiecesWriter::new([first.clone(), second.clone()]);
        [&b"head"[..], &first, b"he", b"ad", &second]
            .into_iter()
            .for_each(|b| writer.write_all(b).unwrap());
        let pieces = writer.finish().pieces;
        assert_eq!(pieces, [&b"head"[..], &[1; 9], b"head", &[2; 9]]);
        assert_eq!((pieces[1].as_ptr(), pieces[3].as_ptr()), (first.as_ptr(), second.as_ptr()));
    }
}
