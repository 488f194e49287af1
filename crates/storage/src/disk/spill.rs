//! Plays on disk and back, for a run whose plays do not fit the memory that it may use.
//!
//! A block is self-contained: its ids mean what its own words say. The bytes are the machine's own
//! (they never outlive a run), the rows and listeners are copied as they lie in memory.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use streamledger_core::model::isrc::Isrc;
use streamledger_core::model::listener::Listener;
use streamledger_core::model::play::{
    Play, PlayAttributes, PlayDictionaries, PlayMark, Plays, Track, UserProduct,
};
use streamledger_core::model::tier::Tier;
use streamledger_core::model::upc::Upc;
use streamledger_core::model::verdict::Finding;

use crate::disk::durable::{DiskError, IoContext as _, create_unsynced};

/// Writes blocks of plays into a file.
pub struct PlayBlockWriter {
    path: PathBuf,
    file: BufWriter<File>,
}

impl PlayBlockWriter {
    /// A new file.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn create(path: PathBuf) -> Result<Self, DiskError> {
        Ok(Self { file: create_unsynced(&path)?, path })
    }

    /// Appends a block, and tells where it ends, in bytes.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn write(&mut self, plays: &Plays) -> Result<u64, DiskError> {
        write_plays(plays, &mut self.file)
            .and_then(|()| self.file.stream_position())
            .at("write", &self.path)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn finish(mut self) -> Result<PathBuf, DiskError> {
        self.file.flush().at("write", &self.path)?;
        Ok(self.path)
    }
}

/// Reads blocks of plays of a file, which is gone through once.
#[derive(Debug)]
pub struct PlayBlockReader<'a> {
    path: &'a Path,
    file: BufReader<File>,
}

impl<'a> PlayBlockReader<'a> {
    /// Opens a file at the block that begins at a byte.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn open(path: &'a Path, start: u64) -> Result<Self, DiskError> {
        let mut file = File::open(path).at("open", path)?;
        file.seek(SeekFrom::Start(start)).at("read", path)?;
        Ok(Self { path, file: BufReader::with_capacity(1 << 16, file) })
    }

    /// The next block.
    ///
    /// # Errors
    /// [`DiskError`], also if there is none.
    pub fn next_block(&mut self) -> Result<Plays, DiskError> {
        read_plays(&mut self.file).at("read", self.path)
    }
}

fn write_plays(plays: &Plays, out: &mut impl Write) -> io::Result<()> {
    let words = &plays.words;
    write_number(plays.rows.len() as u64, out)?;
    out.write_all(bytemuck::cast_slice(&plays.rows))?;
    write_number(plays.marked.len() as u64, out)?;
    out.write_all(bytemuck::cast_slice(&plays.marked))?;
    write_number(words.listeners.len() as u64, out)?;
    out.write_all(bytemuck::cast_slice(&words.listeners))?;
    write_number(words.tracks.len() as u64, out)?;
    for track in &words.tracks {
        write_number(track.isrc.map_or(0, Isrc::packed), out)?;
        write_number(track.upc.map_or(0, Upc::packed), out)?;
        write_text(track.store_track.as_deref(), out)?;
        write_optional(track.track_ms.map(i64::from), out)?;
    }
    write_number(words.kinds.len() as u64, out)?;
    for PlayAttributes { product, source, device, plays, report } in &words.kinds {
        let numbers = [*product, *source, *device, *plays, *report];
        out.write_all(bytemuck::cast_slice(&numbers))?;
    }
    write_number(words.products.len() as u64, out)?;
    for product in &words.products {
        write_number(product.tier as u64, out)?;
        write_text(product.tier_code.as_deref(), out)?;
        write_text(Some(&product.use_type), out)?;
    }
    for texts in [&words.sources, &words.devices] {
        write_number(texts.len() as u64, out)?;
        texts.iter().try_for_each(|text| write_text(Some(text), out))?;
    }
    write_number(plays.reports.len() as u64, out)?;
    plays.reports.iter().try_for_each(|report| out.write_all(report))?;
    write_number(plays.marks.len() as u64, out)?;
    for mark in &plays.marks {
        write_number(u64::from(mark.finding.code()), out)?;
        write_optional(mark.measured, out)?;
        write_optional(mark.threshold, out)?;
    }
    Ok(())
}

fn read_plays(source: &mut impl Read) -> io::Result<Plays> {
    let mut rows = vec![bytemuck::Zeroable::zeroed(); read_length(source)?];
    source.read_exact(bytemuck::cast_slice_mut::<Play, u8>(&mut rows))?;
    let mut marked = vec![0; read_length(source)?];
    source.read_exact(bytemuck::cast_slice_mut::<u32, u8>(&mut marked))?;
    let mut listeners = vec![Listener([0; 16]); read_length(source)?];
    source.read_exact(bytemuck::cast_slice_mut(&mut listeners))?;
    let tracks = read_list(source, |source| {
        Ok(Track {
            isrc: Isrc::from_packed(read_number(source)?),
            upc: Upc::from_packed(read_number(source)?),
            store_track: read_text(source)?,
            track_ms: read_optional(source)?.and_then(|ms| u32::try_from(ms).ok()),
        })
    })?;
    let kinds = read_list(source, |source| {
        let mut numbers = [0_u32; 5];
        source.read_exact(bytemuck::cast_slice_mut(&mut numbers))?;
        let [product, source, device, plays, report] = numbers;
        Ok(PlayAttributes { product, source, device, plays, report })
    })?;
    let products = read_list(source, |source| {
        Ok(UserProduct {
            tier: *Tier::ALL.get(read_length(source)?).ok_or_else(torn)?,
            tier_code: read_text(source)?,
            use_type: read_text(source)?.ok_or_else(torn)?,
        })
    })?;
    let mut texts = || read_list(source, |source| read_text(source)?.ok_or_else(torn));
    let (sources, devices) = (texts()?, texts()?);
    let reports = read_list(source, |source| {
        let mut report = [0; 32];
        source.read_exact(&mut report).map(|()| report)
    })?;
    let marks = read_list(source, |source| {
        let code = u8::try_from(read_number(source)?).ok();
        Ok(PlayMark {
            finding: code.and_then(Finding::from_code).ok_or_else(torn)?,
            measured: read_optional(source)?,
            threshold: read_optional(source)?,
        })
    })?;
    Ok(Plays {
        rows,
        words: PlayDictionaries { tracks, listeners, kinds, products, sources, devices },
        reports,
        by_listener: Vec::new(),
        marked,
        marks,
    })
}

pub(super) fn torn() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a block of plays on disk is damaged")
}

pub(super) fn write_number(number: u64, out: &mut impl Write) -> io::Result<()> {
    out.write_all(&number.to_le_bytes())
}

fn write_optional(number: Option<i64>, out: &mut impl Write) -> io::Result<()> {
    out.write_all(&[u8::from(number.is_some())])?;
    // Eight bytes in either case; those of a missing number are not looked at.
    write_number(number.map_or(0, i64::cast_unsigned), out)
}

/// A text as its length plus one and its bytes; 0 for none.
pub(super) fn write_text(text: Option<&str>, out: &mut impl Write) -> io::Result<()> {
    write_number(text.map_or(0, |text| text.len() as u64 + 1), out)?;
    out.write_all(text.unwrap_or_default().as_bytes())
}

pub(super) fn read_number(source: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    source.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

pub(super) fn read_length(source: &mut impl Read) -> io::Result<usize> {
    usize::try_from(read_number(source)?).map_err(|_| torn())
}

fn read_optional(source: &mut impl Read) -> io::Result<Option<i64>> {
    let mut is_some = [0];
    source.read_exact(&mut is_some)?;
    let number = read_number(source)?.cast_signed();
    Ok((is_some[0] != 0).then_some(number))
}

pub(super) fn read_text(source: &mut impl Read) -> io::Result<Option<Box<str>>> {
    let Some(length) = read_length(source)?.checked_sub(1) else {
        return Ok(None);
    };
    let mut bytes = vec![0; length];
    source.read_exact(&mut bytes)?;
    String::from_utf8(bytes).map(|text| Some(text.into_boxed_str())).map_err(|_| torn())
}

pub(super) fn read_list<R: Read, T>(
    source: &mut R,
    mut read: impl FnMut(&mut R) -> io::Result<T>,
) -> io::Result<Vec<T>> {
    let length = read_length(source)?;
    (0..length).map(|_| read(source)).collect()
}
