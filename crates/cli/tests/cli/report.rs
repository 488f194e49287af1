//! Reports written by hand: rows that are good in every respect, and cells changed in them.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

/// The columns of the reports.
pub(crate) const COLUMNS: [&str; 13] = [
    "day",
    "log_time",
    "customer_id",
    "track_id",
    "isrc",
    "country_code",
    "stream_length",
    "stream_cached",
    "upc",
    "access",
    "financial_product",
    "offline_timestamp",
    "stream_source",
];

/// What every listener's id begins with: it must be found in no output.
pub(crate) const LISTENER: &str = "5ec4e701d";

/// A row of a report.
#[derive(Debug, Clone)]
pub(crate) struct Line(Vec<Vec<u8>>);

/// A play that counts: each number has a listener, a track and a length of its own.
pub(crate) fn line(day: &str, n: usize) -> Line {
    let cells = [
        day.to_owned(),
        format!("{day}T{:02}:{:02}:00", n / 4 % 24, n % 4 * 15),
        format!("{LISTENER}{n:023x}"),
        format!("track{:04}", n % 50),
        format!("ZZSL126{:05}", n % 50),
        ["SE", "DE", "BR"][n % 3].to_owned(),
        format!("{}.5", 40 + n % 300),
        "false".to_owned(),
        "2000126000012".to_owned(),
        "premium".to_owned(),
        "premium".to_owned(),
        String::new(),
        "playlist".to_owned(),
    ];
    Line(cells.map(String::into_bytes).to_vec())
}

/// Plays of a day that all count.
pub(crate) fn lines(day: &str, numbers: std::ops::Range<usize>) -> Vec<Line> {
    numbers.map(|n| line(day, n)).collect()
}

impl Line {
    /// Another value in a column.
    pub(crate) fn with(mut self, column: &str, value: impl AsRef<[u8]>) -> Self {
        let place = COLUMNS.iter().position(|name| *name == column).unwrap();
        self.0[place] = value.as_ref().to_vec();
        self
    }

    /// Without its last cells.
    pub(crate) fn cut(mut self, n_cells: usize) -> Self {
        self.0.truncate(n_cells);
        self
    }

    /// With one more cell.
    pub(crate) fn longer(mut self, cell: impl AsRef<[u8]>) -> Self {
        self.0.push(cell.as_ref().to_vec());
        self
    }
}

/// The header and these rows.
pub(crate) fn report(lines: &[Line]) -> Vec<u8> {
    let mut text = (COLUMNS.join("\t") + "\n").into_bytes();
    for line in lines {
        text.extend(line.0.join(&b'\t'));
        text.push(b'\n');
    }
    text
}

/// A report of a day whose plays all count.
pub(crate) fn good_report(day: &str, numbers: std::ops::Range<usize>) -> Vec<u8> {
    report(&lines(day, numbers))
}
