//! Plain tables: reports that are a header and rows. What tells one layout from another is data
//! (`pipelines/formats/*.toml`), so a new store of this kind is a new file and no Rust.

pub mod decimal_mark;
pub mod format;
pub mod head;
mod json_lines;
pub mod quotes;
pub mod records;
pub mod rows;
pub mod text_layout;
