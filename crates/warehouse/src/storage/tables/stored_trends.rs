//! Row groups of `trends_daily` that are written already: in the published file of the month, or by a
//! large date of this run. A row group that comes out the same is copied as it is, so that a night costs
//! what is new and not what its month holds; of the others only the rows that are wanted are read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::num::NonZeroU32;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::datatypes::{Date32Type, Int64Type};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::statistics::Statistics;
use streamledger_core::aggregate::trends_daily::{DayTrends, Trend};
use streamledger_core::model::day::{Day, Month};
use streamledger_core::model::isrc::Isrc;
use streamledger_core::model::play::NONE;
use streamledger_core::model::territory::Territory;
use streamledger_core::model::tier::Tier;
use streamledger_core::model::upc::Upc;
use streamledger_core::model::verdict::{Reason, Verdict};
use streamledger_core::numbers::exact;

/// Part of a row group: a date, and which of the date's rows.
pub type Part = (Day, Range<usize>);

/// A file of trends whose row groups can be copied or read, by several threads at once.
#[derive(Debug, Clone)]
pub struct TrendsFile {
    bytes: Source,
    metadata: Arc<ParquetMetaData>,
    /// Of each row group the dates in it, with the number of their rows.
    dates: Vec<Vec<(Day, usize)>>,
}

impl TrendsFile {
    /// A file on disk.
    ///
    /// # Errors
    /// If it is not a file of trends.
    pub fn open(path: &Path) -> Result<Self, ParquetError> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Self::new(Source::Disk(Arc::new(file), length))
    }

    /// A file in memory.
    ///
    /// # Errors
    /// If it is not a file of trends.
    pub fn in_memory(bytes: Bytes) -> Result<Self, ParquetError> {
        Self::new(Source::Memory(bytes))
    }

    fn new(bytes: Source) -> Result<Self, ParquetError> {
        let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required);
        let metadata = Arc::new(reader.parse_and_finish(&bytes)?);
        let mut file = Self { bytes, metadata, dates: Vec::new() };
        file.dates = (0..file.metadata.num_row_groups())
            .map(|group| file.dates_of(group))
            .collect::<Result<_, _>>()?;
        Ok(file)
    }

    /// Of each row group the dates in it, with the number of their rows.
    #[must_use]
    pub fn dates(&self) -> &[Vec<(Day, usize)>] {
        &self.dates
    }

    /// The bytes of the whole file.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn to_bytes(&self) -> Result<Bytes, ParquetError> {
        let length = usize::try_from(self.bytes.len())?;
        self.bytes.get_bytes(0, length)
    }

    /// Its rows, in batches.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn batches(
        &self,
        batch_rows: usize,
    ) -> Result<impl Iterator<Item = Result<DayTrends, ParquetError>>, ParquetError> {
        let reader = self.reader(|reader| reader.with_batch_size(batch_rows))?;
        Ok(reader.map(|batch| {
            let mut trends = DayTrends::default();
            read_batch(&batch?, |_, trend, name| trends.push(&trend, name))
                .ok_or_else(not_trends)?;
            Ok(trends)
        }))
    }

    fn reader(
        &self,
        choose: impl FnOnce(
            ParquetRecordBatchReaderBuilder<Source>,
        ) -> ParquetRecordBatchReaderBuilder<Source>,
    ) -> Result<ParquetRecordBatchReader, ParquetError> {
        let options = ArrowReaderOptions::default();
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(&self.metadata), options)?;
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(self.bytes.clone(), metadata);
        choose(builder).build()
    }

    /// The dates of a row group. Only the dates are read, and where there is but one not even those.
    fn dates_of(&self, group: usize) -> Result<Vec<(Day, usize)>, ParquetError> {
        let metadata = self.metadata.row_group(group);
        let n_rows = usize::try_from(metadata.num_rows())?;
        if let Some(Statistics::Int32(bounds)) = metadata.column(0).statistics()
            && let (Some(min), Some(max)) = (bounds.min_opt(), bounds.max_opt())
            && min == max
        {
            return Ok(vec![(Day(*min), n_rows)]);
        }
        let columns = ProjectionMask::leaves(self.metadata.file_metadata().schema_descr(), [0]);
        let reader = self.reader(|reader| {
            reader.with_row_groups(vec![group]).with_projection(columns).with_batch_size(1 << 16)
        })?;
        let mut dates: Vec<(Day, usize)> = Vec::new();
        for batch in reader {
            let batch = batch?;
            let column = batch.columns().first().ok_or_else(not_trends)?;
            let column = column.as_primitive_opt::<Date32Type>().ok_or_else(not_trends)?;
            for date in column.values() {
                match dates.last_mut() {
                    Some((last, n_rows)) if last.0 == *date => *n_rows += 1,
                    _ => dates.push((Day(*date), 1)),
                }
            }
        }
        Ok(dates)
    }

    /// Calls `take` with the rows of a row group: date, row, and the name of its store track.
    fn read_group(
        &self,
        group: usize,
        mut take: impl FnMut(Day, Trend, Option<&str>),
    ) -> Result<(), ParquetError> {
        let reader =
            self.reader(|reader| reader.with_row_groups(vec![group]).with_batch_size(1 << 14))?;
        for batch in reader {
            read_batch(&batch?, &mut take).ok_or_else(not_trends)?;
        }
        Ok(())
    }
}

/// A row group of a file.
#[derive(Debug, Clone, Copy)]
pub struct StoredGroup<'a> {
    /// The file.
    pub bytes: &'a Source,
    /// What the file says of itself.
    pub metadata: &'a ParquetMetaData,
    /// Which of its row groups.
    pub group: usize,
}

/// What is stored of a month.
#[derive(Debug, Default)]
pub struct StoredTrends {
    /// Each with the dates in it that count.
    files: Vec<(TrendsFile, BTreeSet<Day>)>,
    /// File, row group, and the parts of it.
    groups: Vec<(usize, usize, Vec<Part>)>,
    /// Dates whose rows are still what they should be, with the number of their rows.
    lengths: BTreeMap<Day, usize>,
}

impl StoredTrends {
    /// Adds files that follow each other; of the dates in them only the wanted ones count.
    pub fn add(&mut self, files: Vec<TrendsFile>, wanted: &BTreeSet<Day>) {
        let mut lengths: BTreeMap<Day, usize> = BTreeMap::new();
        for file in files {
            let place = self.files.len();
            for (group, dates) in file.dates().iter().enumerate() {
                let part = |(day, n_rows): &(Day, usize)| {
                    let end = lengths.entry(*day).or_default();
                    let start = *end;
                    *end += n_rows;
                    (*day, start..*end)
                };
                self.groups.push((place, group, dates.iter().map(part).collect()));
            }
            self.files.push((file, wanted.clone()));
        }
        self.lengths.extend(lengths.into_iter().filter(|(day, _)| wanted.contains(day)));
    }

    /// The dates that are stored, with the number of their rows.
    #[must_use]
    pub fn lengths(&self) -> &BTreeMap<Day, usize> {
        &self.lengths
    }

    /// The row group that holds just these parts, if there is one.
    #[must_use]
    pub fn find(&self, parts: &[Part]) -> Option<StoredGroup<'_>> {
        let is_it = |(file, _, held): &&(usize, usize, Vec<Part>)| {
            held == parts && parts.iter().all(|(day, _)| self.files[*file].1.contains(day))
        };
        let (file, group, _) = self.groups.iter().find(is_it)?;
        let TrendsFile { bytes, metadata, .. } = &self.files[*file].0;
        Some(StoredGroup { bytes, metadata, group: *group })
    }

    /// The rows of those parts that are of stored dates.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn read(&self, parts: &[Part]) -> Result<BTreeMap<Day, DayTrends>, ParquetError> {
        let wanted: BTreeMap<Day, Range<usize>> = parts.iter().cloned().collect();
        let mut rows: BTreeMap<Day, DayTrends> = BTreeMap::new();
        for (file, group, held) in &self.groups {
            let (file, counts) = &self.files[*file];
            let wanted = |day: &Day| wanted.get(day).filter(|_| counts.contains(day));
            let overlaps = |(day, held): &Part| {
                wanted(day).is_some_and(|wanted| held.start < wanted.end && wanted.start < held.end)
            };
            if !held.iter().any(overlaps) {
                continue;
            }
            let mut next: BTreeMap<Day, usize> =
                held.iter().map(|(day, range)| (*day, range.start)).collect();
            file.read_group(*group, |day, trend, name| {
                let place = next.entry(day).or_default();
                if wanted(&day).is_some_and(|wanted| wanted.contains(place)) {
                    rows.entry(day).or_default().push(&trend, name);
                }
                *place += 1;
            })?;
        }
        Ok(rows)
    }
}

/// Bytes that several threads may read at once.
#[derive(Debug, Clone)]
pub enum Source {
    /// On disk, with their number.
    Disk(Arc<File>, u64),
    /// In memory.
    Memory(Bytes),
}

impl Length for Source {
    fn len(&self) -> u64 {
        match self {
            Self::Disk(_, length) => *length,
            Self::Memory(bytes) => bytes.len() as u64,
        }
    }
}

impl ChunkReader for Source {
    type T = BufReader<SourceReader>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(BufReader::with_capacity(1 << 16, SourceReader { source: self.clone(), place: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        match self {
            Self::Disk(file, _) => {
                let mut bytes = vec![0; length];
                file.read_exact_at(&mut bytes, start)?;
                Ok(bytes.into())
            }
            Self::Memory(bytes) => bytes.get_bytes(start, length),
        }
    }
}

/// Reads a source from a place on. The place is its own: readers do not disturb each other.
#[derive(Debug)]
pub struct SourceReader {
    source: Source,
    place: u64,
}

impl Read for SourceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_read = match &self.source {
            Source::Disk(file, _) => file.read_at(buffer, self.place)?,
            Source::Memory(bytes) => {
                let start = exact::<usize>(self.place).min(bytes.len());
                (&bytes[start..]).read(buffer)?
            }
        };
        self.place += n_read as u64;
        Ok(n_read)
    }
}

fn not_trends() -> ParquetError {
    ParquetError::General("not a file of trends_daily".to_owned())
}

/// Calls `take` with each row: date, row, and the name of its store track.
fn read_batch(batch: &RecordBatch, mut take: impl FnMut(Day, Trend, Option<&str>)) -> Option<()> {
    let texts = |name| batch.column_by_name(name)?.as_string_opt::<i32>();
    let numbers = |name| batch.column_by_name(name)?.as_primitive_opt::<Int64Type>();
    let dates = batch.column_by_name("date")?.as_primitive_opt::<Date32Type>()?;
    let (months, isrcs, store_tracks) =
        (texts("listened_month")?, texts("isrc")?, texts("store_track")?);
    let (upcs, territories, tiers) = (texts("upc")?, texts("territory")?, texts("tier")?);
    let offlines = batch.column_by_name("offline")?.as_boolean_opt()?;
    let (verdicts, reasons) = (texts("verdict")?, texts("reason")?);
    let (plays, played, listeners) =
        (numbers("plays")?, numbers("played_ms")?, numbers("listeners")?);
    for row in 0..batch.num_rows() {
        fn text(array: &arrow::array::StringArray, row: usize) -> Option<&str> {
            array.is_valid(row).then(|| array.value(row))
        }
        let number = |array: &arrow::array::PrimitiveArray<Int64Type>| {
            array.is_valid(row).then(|| array.value(row))
        };
        let reason = match text(reasons, row) {
            Some(code) => Some(Reason::ALL.into_iter().find(|r| r.as_str() == code)?),
            None => None,
        };
        let trend = Trend {
            listened_month: read_month(months.value(row))?,
            isrc: text(isrcs, row).and_then(|code| Isrc::parse(code.as_bytes())),
            store_track: NONE,
            upc: text(upcs, row).and_then(|code| Upc::parse(code.as_bytes())),
            territory: text(territories, row)
                .and_then(|code| <[u8; 2]>::try_from(code.as_bytes()).ok())
                .and_then(|code| Territory::from_packed(u16::from_be_bytes(code))),
            tier: Tier::ALL.into_iter().find(|tier| tier.as_str() == tiers.value(row))?,
            offline: offlines.is_valid(row).then(|| offlines.value(row)),
            verdict: Verdict::ALL.into_iter().find(|v| v.as_str() == verdicts.value(row))?,
            reason,
            plays: plays.value(row),
            played_ms: number(played).into(),
            listeners: match number(listeners) {
                Some(listeners) => Some(NonZeroU32::new(u32::try_from(listeners).ok()?)?),
                None => None,
            },
        };
        take(Day(dates.value(row)), trend, text(store_tracks, row));
    }
    Some(())
}

fn read_month(text: &str) -> Option<Month> {
    let (year, month) = text.split_once('-')?;
    Some(Month { year: year.parse().ok()?, month: month.parse().ok()? })
}
