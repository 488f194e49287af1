//! Which format a report is of. Its content decides; the folder only says of which store it must be.

use globset::Glob;
use streamledger_core::ingest::dsr::head::{
    DsrHead, DsrMatch, DsrProfile, match_head as match_dsr,
};
use streamledger_core::ingest::table::format::TableFormat;
use streamledger_core::ingest::table::head::{BoundFormat, HeadMatch, match_head};
use streamledger_core::ingest::text::{ReportText, is_utf16};
use streamledger_core::model::report_id::NameFacts;
use streamledger_storage::source::report_source::MemberKind;

use crate::intake::config::PipelineSettings;
use crate::intake::rejected_report::RejectedReport;

/// Store of a format whose reports may lie in any folder.
pub const ANY_STORE: &str = "*";

/// Most near misses that a rejection tells of, the nearest first.
const NEAR_MISSES_MAX: usize = 5;

/// What a report turned out to be.
#[derive(Debug)]
pub enum DetectedFormat<'a> {
    /// A DDEX DSR flat file.
    Dsr(Box<DsrHead>),
    /// A plain table.
    Table(&'a TableFormat, Box<BoundFormat>),
}

impl DetectedFormat<'_> {
    /// What the format reads from the name of the file.
    #[must_use]
    pub fn name_facts(&self) -> &NameFacts {
        match self {
            Self::Dsr(head) => &head.name_facts,
            Self::Table(_, bound) => &bound.name_facts,
        }
    }
}

/// What one format says of a report.
struct FormatProbe<'a> {
    format: &'a str,
    store: &'a str,
    says: ProbeResult<'a>,
}

enum ProbeResult<'a> {
    Mine(DetectedFormat<'a>),
    Near(NearMiss),
    No,
}

/// A format that is not the report's, but could have been meant.
struct NearMiss {
    rejection: RejectedReport,
    /// How many needed columns are missing; the fewer, the nearer.
    n_missing: usize,
    /// Whether half of the format or more is there.
    is_nearly: bool,
}

/// Finds the one format of a report by its head: its first whole lines, as UTF-8 as far as they are
/// text.
///
/// # Errors
/// Why it is rejected: no format of the folder's store claims it, or more than one does.
pub fn detect_format<'a>(
    settings: &'a PipelineSettings,
    folder: Option<&str>,
    file_name: &str,
    head: &[u8],
) -> Result<DetectedFormat<'a>, RejectedReport> {
    find_format(settings, folder, file_name, head).map_err(|rejected| rejected.rejection)
}

/// What a member of an archive is, by its name and head. What could have been meant as a report is
/// nearly one; what has too little in common with any format of the folder's store, or repeats what
/// another report says, is another file.
#[must_use]
pub fn judge(
    settings: &PipelineSettings,
    folder: Option<&str>,
    file_name: &str,
    head: &[u8],
) -> MemberKind {
    match find_format(settings, folder, file_name, head) {
        Ok(_) => MemberKind::Report,
        Err(RejectedFormats {
            rejection: RejectedReport { code, detail, .. },
            is_nearly: true,
        }) => MemberKind::Nearly { code, detail },
        Err(RejectedFormats { rejection, is_nearly: false }) => {
            MemberKind::Other { reason: rejection.detail }
        }
    }
}

/// Why no format claims a report.
struct RejectedFormats {
    rejection: RejectedReport,
    /// Whether it could have been meant as a report that is read.
    is_nearly: bool,
}

impl RejectedFormats {
    fn nearly(code: &'static str, detail: String) -> Self {
        Self { rejection: RejectedReport::new(code, detail), is_nearly: true }
    }
}

fn find_format<'a>(
    settings: &'a PipelineSettings,
    folder: Option<&str>,
    file_name: &str,
    head: &[u8],
) -> Result<DetectedFormat<'a>, RejectedFormats> {
    let folder = folder.unwrap_or_default();
    let mut opinions = vec![ask_dsr(head, file_name)];
    opinions.extend(settings.formats.values().map(|format| ask_table(format, head, file_name)));
    let is_here = |opinion: &FormatProbe<'_>| [folder, ANY_STORE].contains(&opinion.store);
    let (here, elsewhere): (Vec<_>, Vec<_>) = opinions.into_iter().partition(is_here);
    let is_mine = |opinion: &&FormatProbe<'_>| matches!(opinion.says, ProbeResult::Mine(_));
    let claims: Vec<&str> = here.iter().filter(is_mine).map(|opinion| opinion.format).collect();
    if 1 < claims.len() {
        let detail = format!("more than one format claims it: {}", claims.join(", "));
        return Err(RejectedFormats::nearly("ambiguous_format", detail));
    }
    if claims.is_empty() {
        return Err(reject(folder, here, &elsewhere));
    }
    let mine = here.into_iter().find_map(|opinion| match opinion.says {
        ProbeResult::Mine(detected) => Some(detected),
        _ => None,
    });
    match mine {
        Some(DetectedFormat::Table(format, _)) if is_repeat(format, file_name) => {
            let why = format.repeats.as_ref().map_or("", |repeats| &repeats.why);
            let rejection = RejectedReport::new("repeats", format!("{}: {why}", format.format));
            Err(RejectedFormats { rejection, is_nearly: false })
        }
        Some(detected) => Ok(detected),
        None => Err(RejectedFormats::nearly("unknown_format", "no format claims it".to_owned())),
    }
}

/// Whether a report of this name repeats what others say.
fn is_repeat(format: &TableFormat, file_name: &str) -> bool {
    let matches = |pattern: &String| {
        Glob::new(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(file_name))
    };
    format.repeats.as_ref().is_some_and(|repeats| repeats.names.iter().any(matches))
}

fn reject(
    folder: &str,
    here: Vec<FormatProbe<'_>>,
    elsewhere: &[FormatProbe<'_>],
) -> RejectedFormats {
    let theirs = elsewhere.iter().find(|opinion| matches!(opinion.says, ProbeResult::Mine(_)));
    if let Some(other) = theirs {
        let detail = format!(
            "expected a report of the store that the folder names ({}), found {}, which is {}'s",
            if folder.is_empty() { "none" } else { folder },
            other.format,
            other.store,
        );
        return RejectedFormats::nearly("store_mismatch", detail);
    }
    let n_formats = here.len();
    let mut near: Vec<NearMiss> = here
        .into_iter()
        .filter_map(|opinion| match opinion.says {
            ProbeResult::Near(near) => Some(near),
            _ => None,
        })
        .collect();
    near.sort_by_key(|near| near.n_missing);
    let is_clear =
        |nearest: &NearMiss| near.get(1).is_none_or(|second| nearest.n_missing < second.n_missing);
    match near.first() {
        None => {
            let detail = if n_formats == 0 {
                format!("no format is known for the store `{folder}`")
            } else {
                format!(
                    "none of the {n_formats} formats of `{folder}` has a column in common with its header"
                )
            };
            RejectedFormats {
                rejection: RejectedReport::new("unknown_format", detail),
                is_nearly: false,
            }
        }
        Some(nearest) => {
            let is_nearly = near.iter().any(|near| near.is_nearly);
            let (code, column) = if is_clear(nearest) {
                (nearest.rejection.code, nearest.rejection.column.clone())
            } else {
                ("unknown_format", None)
            };
            let reasons: Vec<String> =
                near.into_iter().take(NEAR_MISSES_MAX).map(|near| near.rejection.detail).collect();
            RejectedFormats {
                rejection: RejectedReport { code, column, detail: reasons.join("; ") },
                is_nearly,
            }
        }
    }
}

fn ask_dsr<'a>(head: &[u8], file_name: &str) -> FormatProbe<'a> {
    let (format, says) = match match_dsr(head, file_name) {
        DsrMatch::Yes(head) => {
            (head.profile.format(), ProbeResult::Mine(DetectedFormat::Dsr(head)))
        }
        DsrMatch::OtherProfile(profile) => {
            let read: Vec<&str> = DsrProfile::ALL.iter().map(|profile| profile.format()).collect();
            let read = read.join(", ");
            let detail = format!("a DDEX report of the profile `{profile}`; read are {read}");
            let rejection = RejectedReport::new("unknown_format", detail);
            ("ddex", ProbeResult::Near(NearMiss { rejection, n_missing: 0, is_nearly: true }))
        }
        DsrMatch::No => ("ddex", ProbeResult::No),
    };
    FormatProbe { format, store: ANY_STORE, says }
}

fn ask_table<'a>(format: &'a TableFormat, head: &[u8], file_name: &str) -> FormatProbe<'a> {
    let name = format.format.as_str();
    let says = match match_head(format, head, file_name) {
        HeadMatch::Yes(bound) => ProbeResult::Mine(DetectedFormat::Table(format, bound)),
        HeadMatch::Near { missing: columns, n_found } => {
            ProbeResult::Near(missing(name, columns, n_found))
        }
        HeadMatch::Excluded { column } => {
            let detail = format!("not {name}: no report of it has the column `{column}`");
            let rejection = RejectedReport::new("unknown_format", detail);
            ProbeResult::Near(NearMiss { rejection, n_missing: 1, is_nearly: true })
        }
        HeadMatch::Twice { column } => ProbeResult::Near(twice(name, &column)),
        HeadMatch::No => ProbeResult::No,
    };
    FormatProbe { format: name, store: &format.store, says }
}

/// Half of the needed columns make a report of the format with a hole; less is something else.
fn missing(format: &str, columns: Vec<String>, n_found: usize) -> NearMiss {
    let n_missing = columns.len();
    let lacks = columns.join(", ");
    let is_nearly = n_missing <= n_found;
    let rejection = if is_nearly {
        RejectedReport {
            code: "missing_column",
            detail: format!("{format}: the header lacks {lacks}"),
            column: columns.into_iter().next(),
        }
    } else {
        RejectedReport::new("unknown_format", format!("not {format}: the header lacks {lacks}"))
    };
    NearMiss { rejection, n_missing, is_nearly }
}

fn twice(format: &str, column: &str) -> NearMiss {
    let rejection = RejectedReport {
        code: "ambiguous_column",
        column: Some(column.to_owned()),
        detail: format!("{format}: the header has `{column}` more than once"),
    };
    NearMiss { rejection, n_missing: 0, is_nearly: true }
}

/// What the head of a member of an archive is, in any encoding.
#[must_use]
pub fn judge_member(
    settings: &PipelineSettings,
    store_folder: Option<&str>,
    member: &str,
    head: &[u8],
) -> MemberKind {
    // What follows the first lines is rows; a head of one line may lack its end, or half of it.
    let head = if is_utf16(head) { &head[..head.len() / 2 * 2] } else { head };
    let mut kind = None;
    let mut take = |lines: &[u8]| {
        if kind.is_none() && !lines.is_empty() {
            kind = Some(judge(settings, store_folder, member, lines));
        }
    };
    let mut text = ReportText::default();
    if text.take(head, &mut take).is_ok() {
        text.finish(&mut take);
    }
    kind.unwrap_or_else(|| MemberKind::Other { reason: "it holds no text".to_owned() })
}
