//! Record types of DSR and where their cells stand. What a cell is depends on the type alone: later
//! versions of a type add cells at its end, so that the version behind the point is not looked at.
//! Source: Part 8 of the DSR standard (Record Type Definitions) and the schemas of the profiles.

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordType {
    /// First record: period, parties, file x of y.
    Head,
    /// Last record: counts.
    Foot,
    /// One revenue pool.
    Summary(&'static SummaryCells),
    /// A recording of a block.
    Resource,
    /// A release of a block.
    Release,
    /// A part of a release, such as one track of it.
    SubRelease,
    /// Units that were used or sold.
    Usage(&'static UsageCells),
    /// Videos and playlists of the licensee that use the recordings of a block.
    Videos,
    /// Works, rights shares and deductions: nothing that a line of a statement holds.
    Aside,
}

/// Cells of a summary record, counted from 0 for the record type.
#[derive(Debug, PartialEq, Eq)]
pub struct SummaryCells {
    /// Commercial model.
    pub model: usize,
    /// Use type.
    pub use_type: usize,
    /// Territory.
    pub territory: usize,
    /// Type of subscribers.
    pub subscriber_type: Option<usize>,
    /// Usages in the pool.
    pub usages: usize,
    /// Subscribers, or users.
    pub subscribers: Option<usize>,
    /// Currency of the amount.
    pub currency: Option<usize>,
    /// Net revenue of the pool.
    pub amount: Option<usize>,
    /// Whether the usages are those of this report's lines; else they are those of a whole market, of
    /// which the report holds one part.
    pub is_of_report: bool,
}

/// Cells of a usage record, counted from 0 for the record type.
#[derive(Debug, PartialEq, Eq)]
pub struct UsageCells {
    /// The summary record.
    pub summary: usize,
    /// Where recording and release stand.
    pub item: DsrItem,
    /// Whether it bears a royalty.
    pub royalty_bearing: Option<usize>,
    /// Units.
    pub units: usize,
    /// Units that were given back.
    pub returns: Option<usize>,
    /// What the line pays.
    pub amount: Option<usize>,
    /// Use type, where it is more than the summary's.
    pub use_type: Option<usize>,
    /// First and last day of use.
    pub validity: Option<(usize, usize)>,
    /// `GRid` of the release.
    pub grid: Option<usize>,
}

/// Where a usage record says what was used.
#[derive(Debug, PartialEq, Eq)]
pub enum DsrItem {
    /// References into the block.
    References {
        /// Of the release.
        release: usize,
        /// Of the recording.
        resource: usize,
    },
    /// The licensee's id of a recording or release of the block.
    DspId(usize),
    /// In the record itself.
    Here {
        /// ISRC.
        isrc: usize,
        /// UPC.
        icpn: usize,
        /// The licensee's id of the recording.
        dsp_resource: usize,
    },
}

/// Place of the summary's id in all summary records.
pub const SUMMARY_ID: usize = 1;
/// Place of the block's id in all records of a block.
pub const BLOCK_ID: usize = 1;
/// Place of the reference in records of recordings and releases.
pub const REFERENCE: usize = 2;
/// Place of the licensee's id in records of recordings and releases.
pub const DSP_ID: usize = 3;
/// Place of the ISRC in records of recordings.
pub const ISRC: usize = 4;
/// Place of the UPC in records of releases.
pub const ICPN: usize = 6;
/// Place of the licensee's ids in records of videos and playlists.
pub const VIDEO_IDS: usize = 3;
/// Place of the recordings in records of parts of releases.
pub const USED_RESOURCES: usize = 5;

const BASIC: SummaryCells = SummaryCells {
    model: 4,
    use_type: 5,
    territory: 6,
    subscriber_type: None,
    usages: 8,
    subscribers: Some(9),
    currency: Some(10),
    amount: Some(11),
    is_of_report: true,
};
static SY01: SummaryCells = BASIC;
static SY02: SummaryCells = SummaryCells { is_of_report: false, ..BASIC };
static SY03: SummaryCells =
    SummaryCells { subscriber_type: Some(22), is_of_report: false, ..BASIC };
static SY04: SummaryCells = SummaryCells {
    subscriber_type: Some(8),
    usages: 13,
    currency: Some(14),
    amount: Some(18),
    is_of_report: false,
    ..BASIC
};
/// Shares of rights controllers in pools of SY04: its money stands in another order in each version.
static SY05: SummaryCells = SummaryCells {
    usages: 11,
    subscribers: None,
    currency: None,
    amount: None,
    is_of_report: false,
    ..BASIC
};
static SY06: SummaryCells = SummaryCells { amount: Some(12), ..BASIC };
static SY07: SummaryCells = SummaryCells {
    usages: 9,
    subscribers: Some(10),
    currency: Some(11),
    amount: Some(12),
    is_of_report: false,
    ..BASIC
};
static SY09: SummaryCells = SummaryCells {
    model: 2,
    use_type: 3,
    territory: 4,
    subscriber_type: Some(6),
    usages: 10,
    subscribers: None,
    currency: Some(15),
    amount: Some(12),
    is_of_report: false,
};
static SY10: SummaryCells = SummaryCells {
    model: 4,
    use_type: 5,
    territory: 12,
    subscriber_type: Some(8),
    usages: 16,
    subscribers: Some(9),
    currency: Some(21),
    amount: Some(33),
    is_of_report: false,
};

const STREAMS: UsageCells = UsageCells {
    summary: 2,
    item: DsrItem::References { release: 4, resource: 5 },
    royalty_bearing: Some(6),
    units: 7,
    returns: None,
    amount: None,
    use_type: Some(10),
    validity: None,
    grid: None,
};
static SU01: UsageCells = UsageCells { units: 8, returns: Some(9), use_type: Some(12), ..STREAMS };
static SU02: UsageCells = STREAMS;
static SU03: UsageCells = UsageCells {
    summary: 3,
    item: DsrItem::DspId(4),
    royalty_bearing: Some(10),
    units: 5,
    returns: None,
    amount: Some(6),
    use_type: None,
    validity: Some((7, 8)),
    grid: None,
};
const SINGLE: UsageCells = UsageCells {
    summary: 1,
    item: DsrItem::Here { isrc: 3, icpn: 23, dsp_resource: 2 },
    royalty_bearing: Some(33),
    units: 34,
    returns: None,
    amount: None,
    use_type: Some(37),
    validity: None,
    grid: None,
};
static SR01: UsageCells = UsageCells {
    royalty_bearing: Some(34),
    units: 36,
    returns: Some(37),
    use_type: Some(42),
    ..SINGLE
};
static SR02: UsageCells = SINGLE;
static SR08: UsageCells = UsageCells {
    summary: 24,
    item: DsrItem::Here { isrc: 13, icpn: 3, dsp_resource: 15 },
    royalty_bearing: None,
    units: 26,
    returns: Some(27),
    // The allocated net revenue in the currency of accounting: after deductions, what is paid.
    amount: Some(46),
    use_type: None,
    validity: Some((25, 25)),
    grid: Some(2),
};

impl RecordType {
    /// What a first cell says; `None` if it is no type of the profiles that are read.
    #[must_use]
    pub fn of(cell: &[u8]) -> Option<Self> {
        let letters: [u8; 4] = cell.get(..4)?.try_into().ok()?;
        // A version follows a point, or nothing does.
        if !matches!(cell.get(4), None | Some(b'.')) {
            return None;
        }
        Some(match &letters.map(|letter| letter.to_ascii_uppercase()) {
            b"HEAD" | b"SRHE" => Self::Head,
            b"FOOT" | b"SRFO" => Self::Foot,
            b"SY01" => Self::Summary(&SY01),
            b"SY02" => Self::Summary(&SY02),
            b"SY03" => Self::Summary(&SY03),
            b"SY04" => Self::Summary(&SY04),
            b"SY05" => Self::Summary(&SY05),
            b"SY06" => Self::Summary(&SY06),
            b"SY07" => Self::Summary(&SY07),
            b"SY09" => Self::Summary(&SY09),
            b"SY10" => Self::Summary(&SY10),
            b"AS01" | b"AS02" => Self::Resource,
            b"RE01" => Self::Release,
            b"RE02" => Self::SubRelease,
            b"SU01" => Self::Usage(&SU01),
            b"SU02" => Self::Usage(&SU02),
            b"SU03" => Self::Usage(&SU03),
            b"SR01" => Self::Usage(&SR01),
            b"SR02" => Self::Usage(&SR02),
            b"SR08" => Self::Usage(&SR08),
            b"RU01" | b"RU02" => Self::Videos,
            b"MW01" | b"LI01" | b"DE01" => Self::Aside,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_a_type_is_not_looked_at() {
        assert_eq!(RecordType::of(b"SU02"), Some(RecordType::Usage(&SU02)));
        assert_eq!(RecordType::of(b"SU02.03"), Some(RecordType::Usage(&SU02)));
        assert_eq!(RecordType::of(b"su02.03"), Some(RecordType::Usage(&SU02)));
    }

    #[test]
    fn a_type_of_another_profile_is_unknown() {
        for cell in [&b"SU04"[..], b"SU021", b"FHEA", b"SR03.01", b"SU0", b""] {
            assert_eq!(RecordType::of(cell), None, "{cell:?}");
        }
    }
}
