//! Lines of statements on disk and back, for a run whose lines do not fit the memory that it may use.
//!
//! A file is a sequence of blocks, each with the words that its own lines use, so that whoever reads it has
//! one block in memory. The bytes are the machine's own: they never outlive a run.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use bytemuck::Zeroable as _;
use streamledger_core::model::day::{Day, Month};
use streamledger_core::model::isrc::Isrc;
use streamledger_core::model::money::Currency;
use streamledger_core::model::play::NONE;
use streamledger_core::model::sale::{LineType, TextId};
use streamledger_core::model::territory::Territory;
use streamledger_core::model::tier::Tier;
use streamledger_core::model::upc::Upc;
use streamledger_core::normalize::sale_lines::{
    LineCopier, SaleItem, SaleLine, SaleTerms, SaleWords, SaleWordsBuilder,
};

use crate::disk::durable::{DiskError, IoContext as _};
use crate::disk::spill::{
    read_length, read_list, read_number, read_text, torn, write_number, write_text,
};

/// Lines of a block.
pub const BLOCK_LINES: usize = 1 << 13;

/// Lines with what their ids mean.
#[derive(Debug, Default)]
pub struct SaleBlock {
    /// Lines in the order of `sales`.
    pub lines: Vec<SaleLine>,
    /// What their ids stand for.
    pub words: SaleWords,
}

/// Writes blocks into a file.
pub struct SaleBlockWriter {
    path: PathBuf,
    file: BufWriter<File>,
}

impl SaleBlockWriter {
    /// A new file.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn create(path: PathBuf) -> Result<Self, DiskError> {
        let file = BufWriter::with_capacity(1 << 20, File::create_new(&path).at("create", &path)?);
        Ok(Self { path, file })
    }

    /// Appends lines as one block; the words hold no more than they use.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn write(&mut self, lines: &[SaleLine], words: &SaleWords) -> Result<(), DiskError> {
        write_block(lines, words, &mut self.file).at("write", &self.path)
    }

    /// Appends lines of many words, block by block.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn write_all(&mut self, lines: &[SaleLine], words: &SaleWords) -> Result<(), DiskError> {
        let mut copier = LineCopier::new(words);
        for part in lines.chunks(BLOCK_LINES) {
            let mut own = SaleWordsBuilder::default();
            let copied: Vec<SaleLine> =
                part.iter().map(|line| copier.copy(line, words, &mut own)).collect();
            self.write(&copied, own.words())?;
            copier.forget(part);
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn finish(mut self) -> Result<PathBuf, DiskError> {
        write_number(0, &mut self.file).and_then(|()| self.file.flush()).at("write", &self.path)?;
        Ok(self.path)
    }
}

/// Reads the blocks of a file.
#[derive(Debug)]
pub struct SaleBlockReader {
    path: PathBuf,
    file: BufReader<File>,
}

impl SaleBlockReader {
    /// Opens a file of blocks.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn open(path: &Path) -> Result<Self, DiskError> {
        let file = BufReader::with_capacity(1 << 16, File::open(path).at("open", path)?);
        Ok(Self { path: path.to_owned(), file })
    }

    /// The next block; `None` behind the last one.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn next_block(&mut self) -> Result<Option<SaleBlock>, DiskError> {
        read_block(&mut self.file).at("read", &self.path)
    }
}

fn write_block(lines: &[SaleLine], words: &SaleWords, out: &mut impl Write) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    write_number(lines.len() as u64, out)?;
    out.write_all(bytemuck::cast_slice(lines))?;
    write_number(words.items.len() as u64, out)?;
    for item in &words.items {
        write_number(item.isrc.map_or(0, Isrc::packed), out)?;
        write_number(item.upc.map_or(0, Upc::packed), out)?;
        let ids = [item.store_track, item.grid, item.id_text].map(|id| id.unwrap_or(NONE));
        out.write_all(bytemuck::cast_slice(&ids))?;
    }
    write_number(words.terms.len() as u64, out)?;
    for terms in &words.terms {
        out.write_all(bytemuck::cast_slice(&numbers_of(terms)))?;
    }
    write_number(words.texts.len() as u64, out)?;
    words.texts.iter().try_for_each(|text| write_text(Some(text), out))
}

fn read_block(source: &mut impl Read) -> io::Result<Option<SaleBlock>> {
    let n_lines = read_length(source)?;
    if n_lines == 0 {
        return Ok(None);
    }
    let mut lines = vec![SaleLine::zeroed(); n_lines];
    source.read_exact(bytemuck::cast_slice_mut(&mut lines))?;
    let items = read_list(source, |source| {
        let (isrc, upc) = (read_number(source)?, read_number(source)?);
        let mut ids = [0_u32; 3];
        source.read_exact(bytemuck::cast_slice_mut(&mut ids))?;
        let [store_track, grid, id_text] = ids.map(text_id);
        let (isrc, upc) = (Isrc::from_packed(isrc), Upc::from_packed(upc));
        Ok(SaleItem { isrc, upc, store_track, grid, id_text })
    })?;
    let terms = read_list(source, |source| {
        let mut numbers = [0_i32; N_NUMBERS];
        source.read_exact(bytemuck::cast_slice_mut(&mut numbers))?;
        terms_of(&numbers)
    })?;
    let texts = read_list(source, |source| read_text(source)?.ok_or_else(torn))?;
    Ok(Some(SaleBlock { lines, words: SaleWords { items, terms, texts } }))
}

/// Numbers of a [`SaleTerms`].
const N_NUMBERS: usize = 14;

/// In place of a day that is none. No day of a calendar date is this one.
const NO_DAY: i32 = i32::MIN;

fn numbers_of(terms: &SaleTerms) -> [i32; N_NUMBERS] {
    let month =
        |month: Option<Month>| month.map_or(0, |m| i32::from(m.year) * 12 + i32::from(m.month));
    let truth = |truth: Option<bool>| truth.map_or(2, i32::from);
    let id = |id: Option<TextId>| id.unwrap_or(NONE).cast_signed();
    let letters = |[a, b, c]: [u8; 3]| i32::from_be_bytes([0, a, b, c]);
    [
        terms.usage_from.0,
        terms.usage_to.0,
        month(terms.statement_period),
        terms.reported.map_or(NO_DAY, |day| day.0),
        terms.territory.map_or(0, |territory| territory.packed().into()),
        i32::from(terms.tier as u8),
        id(terms.tier_code),
        id(Some(terms.use_type)),
        truth(terms.offline),
        terms.currency.map_or(0, |currency| letters(currency.letters())),
        truth(terms.royalty_bearing),
        i32::from(terms.line_type as u8),
        id(terms.pool),
        id(terms.shop),
    ]
}

fn terms_of(numbers: &[i32; N_NUMBERS]) -> io::Result<SaleTerms> {
    let [from, to, period, reported, territory, tier, tier_code, use_type, ..] = *numbers;
    let [.., offline, currency, bearing, line_type, pool, shop] = *numbers;
    let truth = |number: i32| match number {
        0 => Ok(Some(false)),
        1 => Ok(Some(true)),
        2 => Ok(None),
        _ => Err(torn()),
    };
    let place = |number: i32| usize::try_from(number).map_err(|_| torn());
    Ok(SaleTerms {
        usage_from: Day(from),
        usage_to: Day(to),
        statement_period: month_of(period)?,
        reported: (reported != NO_DAY).then_some(Day(reported)),
        territory: Territory::from_packed(u16::try_from(territory).map_err(|_| torn())?),
        tier: *Tier::ALL.get(place(tier)?).ok_or_else(torn)?,
        tier_code: text_id(tier_code.cast_unsigned()),
        use_type: use_type.cast_unsigned(),
        offline: truth(offline)?,
        currency: currency_of(currency)?,
        royalty_bearing: truth(bearing)?,
        line_type: *LineType::ALL.get(place(line_type)?).ok_or_else(torn)?,
        pool: text_id(pool.cast_unsigned()),
        shop: text_id(shop.cast_unsigned()),
    })
}

fn text_id(id: u32) -> Option<TextId> {
    (id != NONE).then_some(id)
}

/// A month of twelve times its year and its number; none for 0.
fn month_of(number: i32) -> io::Result<Option<Month>> {
    if number == 0 {
        return Ok(None);
    }
    let year = i16::try_from((number - 1).div_euclid(12)).map_err(|_| torn())?;
    let month = u8::try_from((number - 1).rem_euclid(12) + 1).map_err(|_| torn())?;
    Ok(Some(Month { year, month }))
}

fn currency_of(number: i32) -> io::Result<Option<Currency>> {
    let [_, letters @ ..] = number.to_be_bytes();
    if number == 0 {
        return Ok(None);
    }
    let currency = std::str::from_utf8(&letters).ok().and_then(Currency::parse);
    currency.map(Some).ok_or_else(torn)
}

#[cfg(test)]
mod tests;
