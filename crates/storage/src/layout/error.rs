//! What is wrong with a warehouse, so that a run stops: said so that a person knows what to do.

use std::path::PathBuf;

use crate::disk::durable::DiskError;

/// Something about a warehouse that stops a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WarehouseError {
    /// A step on the disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Another run holds the lock.
    #[error("another run holds the warehouse {}: {owner}", .path.display())]
    Locked {
        /// The warehouse.
        path: PathBuf,
        /// What the lock file says of the other run.
        owner: String,
    },
    /// There is no warehouse.
    #[error(
        "{} is no warehouse: there is no folder `internal` in it; look at --warehouse (a first \
         `streamledger nightly` makes a warehouse)", .path.display()
    )]
    NotThere {
        /// What was taken for one.
        path: PathBuf,
    },
    /// There is no snapshot yet.
    #[error("{} has no published tables yet; `streamledger nightly` makes them", .path.display())]
    Empty {
        /// The warehouse.
        path: PathBuf,
    },
    /// What was given as the listener key is none.
    #[error("{message}")]
    WrongKey {
        /// Which file, and what is wrong with it.
        message: String,
    },
    /// The warehouse was written by another version of the program.
    #[error("{} {message}", .path.display())]
    OtherVersion {
        /// Which file.
        path: PathBuf,
        /// Which version, and what to do.
        message: String,
    },
    /// A file of the warehouse is not what was written.
    #[error("{}: {message}", .path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and what to do.
        message: String,
    },
}
