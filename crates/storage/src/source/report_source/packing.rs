//! How the bytes of a report are packed.

/// How a report is packed. The names are file endings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportPacking {
    /// As it is.
    Plain,
    /// gzip, one or more members.
    Gzip,
    /// zstd, one or more frames.
    Zstd,
    /// A zip archive, of which one member is the report.
    Zip,
}

impl ReportPacking {
    /// Tells by the first bytes.
    #[must_use]
    pub fn of(first_bytes: &[u8]) -> Self {
        match first_bytes {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            // Also an archive without members, and the first of several files of one.
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] | [b'P', b'K', 7, 8, ..] => Self::Zip,
            _ => Self::Plain,
        }
    }

    /// Its name, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain text",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Zip => "a member of a zip archive",
        }
    }

    /// The ending of an archived file.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::Gzip => "txt.gz",
            // Plain text is packed, and the member of an archive that is the report is taken out of it.
            Self::Plain | Self::Zstd | Self::Zip => "txt.zst",
        }
    }
}
