//! A report that is rejected as a whole: the code, and the detail for a person.

/// Why a report is rejected as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedReport {
    /// Code in `quarantine.reason` and `reports.reason`.
    pub code: &'static str,
    /// Column, where one is to blame.
    pub column: Option<String>,
    /// Expected and found, for a person.
    pub detail: String,
}

impl RejectedReport {
    /// A rejection that no single column is to blame for.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, column: None, detail: detail.into() }
    }
}
