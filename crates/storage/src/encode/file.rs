//! What the Parquet files of all tables have in common: how large their parts are, and what they say of
//! themselves.

use std::sync::Arc;

use parquet::errors::Result;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{SchemaDescPtr, SchemaDescriptor};

/// Most rows of a row group (specification of the tables).
pub const ROW_GROUP_ROWS_MAX: usize = 1 << 20;

/// Fewest rows of a row group that is not the last of its file.
pub const ROW_GROUP_ROWS_MIN: usize = 1 << 17;

/// Rows of a page: 32 to a full row group. Smaller pages make lookups cheaper and codes larger.
pub const PAGE_ROWS: usize = 1 << 15;

/// A partition gets another file above this size (specification of the tables).
pub const FILE_BYTES_MAX: u64 = 512 << 20;

/// Version of the columns of all tables; it changes when a column does.
pub const SCHEMA_VERSION: &str = "3";

/// Who wrote the file, in the grammar that readers know: name, version, build.
pub(crate) const CREATED_BY: &str =
    concat!("streamledger version ", env!("CARGO_PKG_VERSION"), " (build 1)");

/// What a file says of itself; nothing that differs between two runs on the same input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileProvenance {
    /// BLAKE3 over the sorted hashes of the reports that feed the file.
    pub inputs: String,
    /// Hash of the policy.
    pub policy: String,
}

impl FileProvenance {
    /// The entries of a footer, in every table alike.
    #[must_use]
    pub fn entries(&self) -> Vec<KeyValue> {
        [
            ("streamledger.inputs", self.inputs.as_str()),
            ("streamledger.policy", &self.policy),
            ("streamledger.schema_version", SCHEMA_VERSION),
        ]
        .map(|(key, value)| KeyValue::new(key.to_owned(), value.to_owned()))
        .to_vec()
    }
}

/// The columns of a table and how its rows are sorted.
#[derive(Debug, Clone)]
pub struct TableLayout {
    /// The columns.
    pub schema: SchemaDescPtr,
    sorted_by: Vec<SortingColumn>,
}

impl TableLayout {
    /// Reads a message type; `sorted_by` are places of columns, ascending, nulls last.
    ///
    /// # Errors
    /// If the text is no message type.
    pub fn new(message_type: &str, sorted_by: &[i32]) -> Result<Self> {
        let schema = Arc::new(SchemaDescriptor::new(Arc::new(parse_message_type(message_type)?)));
        let column = |column_idx: &i32| SortingColumn {
            column_idx: *column_idx,
            descending: false,
            nulls_first: false,
        };
        Ok(Self { schema, sorted_by: sorted_by.iter().map(column).collect() })
    }

    /// What the footer of a file of this table says.
    #[must_use]
    pub fn properties(&self, provenance: &FileProvenance) -> WriterProperties {
        WriterProperties::builder()
            .set_writer_version(WriterVersion::PARQUET_1_0)
            .set_created_by(CREATED_BY.to_owned())
            .set_sorting_columns(Some(self.sorted_by.clone()))
            .set_key_value_metadata(Some(provenance.entries()))
            .build()
    }
}
