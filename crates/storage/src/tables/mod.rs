//! Parquet files of the tables: their columns, how they are written, and how they are read again.

pub mod partition;
pub mod table_writer;
pub mod small_tables;
pub mod columns;
pub mod lot_table;
pub mod reference_columns;
pub mod sales_columns;
pub mod run_file;
pub mod isrc_slices;
pub mod compare;
pub mod scan;
pub mod cell_text;
