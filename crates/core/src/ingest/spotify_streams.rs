//! Format `spotify-streams`: Spotify's raw streams as one wide table, a row a play.
//!
//! Known from the header of data sets that labels received (31 columns); there is no public
//! specification. Columns are found by name, in any order; others are ignored. The names are
//! compared trimmed and in any case.
//!
//! | column              | needed | here                                                        |
//! |---------------------|--------|-------------------------------------------------------------|
//! | `day`               | yes    | counted date, `YYYY-MM-DD` or `YYYYMMDD`                    |
//! | `log_time`          | yes    | time of the play on a clock rounded to 15 minutes           |
//! | `customer_id`       | yes    | listener                                                    |
//! | `track_id`          | yes    | the store's track                                           |
//! | `isrc`              | yes    | recording                                                   |
//! | `country_code`      | yes    | territory                                                   |
//! | `stream_length`     | yes    | played time, seconds, whole or decimal                      |
//! | `stream_cached`     | yes    | offline; empty = unknown                                    |
//! | `upc`               |        | release                                                     |
//! | `access`            |        | code of the tier                                            |
//! | `financial_product` |        | code of the tier, goes before `access`                      |
//! | `offline_timestamp` |        | exact listening time of an offline play                     |
//! | `stream_source`     |        | source (the column `source` is something else)              |
//! | `stream_device`     |        | device                                                      |

/// Name of the format, as it stands in `reports`.
pub const FORMAT: &str = "spotify-streams";
/// The store whose format it is.
pub const STORE: &str = "spotify";

/// Where the mapped columns stand in a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamColumns {
    /// Number of columns of the header.
    pub n_columns: usize,
    /// Counted date.
    pub day: usize,
    /// Rounded time of the play.
    pub log_time: usize,
    /// Listener.
    pub customer_id: usize,
    /// The store's track.
    pub track_id: usize,
    /// Recording.
    pub isrc: usize,
    /// Territory.
    pub country_code: usize,
    /// Played seconds.
    pub stream_length: usize,
    /// Offline.
    pub stream_cached: usize,
    /// Release.
    pub upc: Option<usize>,
    /// Code of the tier.
    pub access: Option<usize>,
    /// Code of the tier, goes first.
    pub financial_product: Option<usize>,
    /// Exact listening time.
    pub offline_timestamp: Option<usize>,
    /// Source.
    pub stream_source: Option<usize>,
    /// Device.
    pub stream_device: Option<usize>,
    /// The header's names, as the report writes them.
    pub names: Vec<String>,
}

/// Why a header is not this format's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderMismatch {
    /// Needed columns are absent.
    #[error("the header lacks {}", .columns.join(", "))]
    Missing {
        /// Their names.
        columns: Vec<&'static str>,
        /// How many of the needed columns are there: a near miss names most of them.
        n_found: usize,
    },
    /// A mapped column is there twice, so that it is open which one counts.
    #[error("the header has `{column}` more than once")]
    Twice {
        /// Its name.
        column: &'static str,
    },
}

impl StreamColumns {
    /// Detects the format by its header line (without BOM and line end).
    ///
    /// # Errors
    /// [`HeaderMismatch`] with what is missing or ambiguous.
    pub fn detect_format(header: &[u8]) -> Result<Self, HeaderMismatch> {
        let names: Vec<String> = header
            .split(|byte| *byte == b'\t')
            .map(|name| String::from_utf8_lossy(name.trim_ascii()).into_owned())
            .collect();
        let mut search =
            ColumnSearch { names: &names, missing: Vec::new(), twice: None, n_found: 0 };
        let mut columns = Self {
            n_columns: names.len(),
            day: search.needed("day"),
            log_time: search.needed("log_time"),
            customer_id: search.needed("customer_id"),
            track_id: search.needed("track_id"),
            isrc: search.needed("isrc"),
            country_code: search.needed("country_code"),
            stream_length: search.needed("stream_length"),
            stream_cached: search.needed("stream_cached"),
            upc: search.optional("upc"),
            access: search.optional("access"),
            financial_product: search.optional("financial_product"),
            offline_timestamp: search.optional("offline_timestamp"),
            stream_source: search.optional("stream_source"),
            stream_device: search.optional("stream_device"),
            names: Vec::new(),
        };
        let ColumnSearch { missing, twice, n_found, .. } = search;
        if !missing.is_empty() {
            return Err(HeaderMismatch::Missing { columns: missing, n_found });
        }
        if let Some(column) = twice {
            return Err(HeaderMismatch::Twice { column });
        }
        columns.names = names;
        Ok(columns)
    }

    /// Whether a column is looked at.
    #[must_use]
    pub fn is_mapped(&self, column: usize) -> bool {
        let needed = [
            self.day,
            self.log_time,
            self.customer_id,
            self.track_id,
            self.isrc,
            self.country_code,
            self.stream_length,
            self.stream_cached,
        ];
        let optional = [
            self.upc,
            self.access,
            self.financial_product,
            self.offline_timestamp,
            self.stream_source,
            self.stream_device,
        ];
        needed.contains(&column) || optional.contains(&Some(column))
    }
}

struct ColumnSearch<'a> {
    names: &'a [String],
    missing: Vec<&'static str>,
    twice: Option<&'static str>,
    n_found: usize,
}

impl ColumnSearch<'_> {
    fn optional(&mut self, wanted: &'static str) -> Option<usize> {
        let mut places =
            (0..self.names.len()).filter(|place| self.names[*place].eq_ignore_ascii_case(wanted));
        let first = places.next();
        if places.next().is_some() {
            self.twice.get_or_insert(wanted);
        }
        first
    }

    fn needed(&mut self, wanted: &'static str) -> usize {
        let place = self.optional(wanted);
        if let Some(place) = place {
            self.n_found += 1;
            return place;
        }
        // No row is read of a report that lacks a column.
        self.missing.push(wanted);
        usize::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDED: &str =
        "day\tlog_time\tcustomer_id\ttrack_id\tisrc\tcountry_code\tstream_length\tstream_cached";

    #[test]
    fn columns_are_found_by_name_in_any_order_and_case() {
        let columns = StreamColumns::detect_format(
            b"source\tUPC\tstream_cached\tstream_length\tcountry_code\tisrc\ttrack_id\tcustomer_id\tlog_time\tDay ",
        )
        .unwrap();
        assert_eq!((columns.day, columns.upc, columns.stream_source), (9, Some(1), None));
        assert_eq!(columns.n_columns, 10);
    }

    #[test]
    fn the_needed_columns_alone_are_enough() {
        assert!(StreamColumns::detect_format(NEEDED.as_bytes()).is_ok());
    }

    #[test]
    fn what_is_missing_is_named() {
        let error =
            StreamColumns::detect_format(NEEDED.replace("isrc", "irsc").as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "the header lacks isrc");
        assert_eq!(error, HeaderMismatch::Missing { columns: vec!["isrc"], n_found: 7 });
    }

    #[test]
    fn a_mapped_column_that_is_there_twice_is_rejected() {
        let error =
            StreamColumns::detect_format(format!("{NEEDED}\tupc\tupc").as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "the header has `upc` more than once");
        assert!(StreamColumns::detect_format(format!("{NEEDED}\tx\tx").as_bytes()).is_ok());
    }
}
