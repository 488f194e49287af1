//! A partition's files: written to staging under a passing name, hashed on the way, synced, and named
//! for their content, so that two different files never have one name.

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::errors::ParquetError;
use streamledger_parquet_pages::file::{EncodedRowGroup, TableFile};

use crate::disk::durable::{DiskError, IoContext as _, make_folder};
use crate::disk::hashing::HashingWriter;
use crate::disk::stages::StageTimes;
use crate::encode::file::{FILE_BYTES_MAX, FileProvenance, TableLayout};
use crate::layout::ledger::FileEntry;

/// A partition cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PartitionError {
    /// A step on the disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Parquet could not be written or read.
    #[error("cannot encode {}", .path.display())]
    Parquet {
        /// The partition's folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: ParquetError,
    },
    /// What was computed contradicts itself: rows would be lost or counted twice.
    #[error("{}: rows are not conserved: {message}", .path.display())]
    NotConserved {
        /// The partition's folder.
        path: PathBuf,
        /// The two numbers.
        message: String,
    },
}

impl PartitionError {
    /// Names the partition for a Parquet error.
    pub fn parquet(path: &Path) -> impl FnOnce(ParquetError) -> Self + '_ {
        move |source| Self::Parquet { path: path.to_owned(), source }
    }
}

/// Writes the files of one partition.
pub struct PartitionWriter<'a> {
    folder: PathBuf,
    layout: &'a TableLayout,
    provenance: &'a FileProvenance,
    stages: &'a StageTimes,
    /// With which the files' names begin.
    prefix: String,
    open: Option<(TableFile<HashingWriter>, u64)>,
    files: Vec<FileEntry>,
}

impl<'a> PartitionWriter<'a> {
    /// A writer into a folder of staging, which is made.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn new(
        folder: PathBuf,
        layout: &'a TableLayout,
        provenance: &'a FileProvenance,
        stages: &'a StageTimes,
    ) -> Result<Self, DiskError> {
        make_folder(&folder)?;
        let prefix = "part".to_owned();
        Ok(Self { folder, layout, provenance, stages, prefix, open: None, files: Vec::new() })
    }

    /// Begins the files' names with something else than `part`, where several writers write to the folder.
    pub fn name_files(&mut self, prefix: &str) {
        prefix.clone_into(&mut self.prefix);
    }

    /// Appends a row group; starts another file first if this one is large enough.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn push(&mut self, row_group: EncodedRowGroup) -> Result<(), PartitionError> {
        let n_rows = row_group.n_rows as u64;
        if self.open.as_mut().is_some_and(|(file, _)| FILE_BYTES_MAX <= file.size_bytes()) {
            self.close_file()?;
        }
        let start = std::time::Instant::now();
        let (mut file, n_before) = match self.open.take() {
            Some(open) => open,
            None => (self.open_file()?, 0),
        };
        file.push(row_group).map_err(PartitionError::parquet(&self.folder))?;
        self.open = Some((file, n_before + n_rows));
        self.stages.write.add(start.elapsed());
        Ok(())
    }

    /// The passing name of a file that is being written.
    fn unfinished(&self) -> PathBuf {
        self.folder.join(format!("{}.unfinished", self.prefix))
    }

    fn open_file(&self) -> Result<TableFile<HashingWriter>, PartitionError> {
        let path = self.unfinished();
        let file = File::create_new(&path).at("create", &path)?;
        let properties = self.layout.properties(self.provenance);
        TableFile::new(HashingWriter::new(file), &self.layout.schema, properties)
            .map_err(PartitionError::parquet(&self.folder))
    }

    fn close_file(&mut self) -> Result<(), PartitionError> {
        let Some((file, rows)) = self.open.take() else {
            return Ok(());
        };
        let start = std::time::Instant::now();
        let sink = file.finish().map_err(PartitionError::parquet(&self.folder))?;
        let path = self.unfinished();
        let (blake3, size_bytes) = sink.finish().at("write and sync", &path)?;
        let name = format!("{}-{:04}-{}.parquet", self.prefix, self.files.len(), &blake3[..16]);
        std::fs::rename(&path, self.folder.join(&name)).at("rename", &path)?;
        self.files.push(FileEntry { name, rows, size_bytes, blake3 });
        self.stages.write.add(start.elapsed());
        Ok(())
    }

    /// Ends a partition that has no rows: one file with the columns of the table.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn finish_without_rows(mut self) -> Result<Vec<FileEntry>, PartitionError> {
        self.open = Some((self.open_file()?, 0));
        self.finish()
    }

    /// Ends the partition.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn finish(mut self) -> Result<Vec<FileEntry>, PartitionError> {
        self.close_file()?;
        Ok(self.files)
    }
}
