//! Steps on the disk, without knowing what is written: synced writes, hashes, direct I/O, spilled plays.

pub mod durable;
pub(crate) mod disk_queue;
pub(crate) mod direct_io;
pub(crate) mod read_ahead;
pub(crate) mod file_batch;
pub(crate) mod file_hash;
pub(crate) mod hashing;
pub mod spill;
pub(crate) mod sale_spill;
pub mod stages;
