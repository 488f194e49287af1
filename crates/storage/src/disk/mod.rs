//! Steps on the disk, without knowing what is written: synced writes, hashes, direct I/O, spilled plays.

pub mod durable;
pub mod reading;
pub mod disk_queue;
pub mod direct_io;
pub mod read_ahead;
pub mod file_batch;
pub mod file_hash;
pub mod hashing;
pub mod spill;
pub mod sale_spill;
pub mod static_site;
pub mod stages;
