//! Zip archives of stores: one member is the report, others may be sums of it. Every member is accounted
//! for: it is read, or listed with the reason why it is not, or the archive is rejected. Nothing is ever
//! unpacked to a path that an archive names.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Take};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use super::zip_layout::{MEMBERS_MAX, PackMethod, ZipEntry, read_layout};
use super::{BLOCK_BYTES, ReportPacking, is_bomb, unpacked};

/// What the head of a member of an archive shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberKind {
    /// A report that is read.
    Report,
    /// Nearly a report, or one that belongs elsewhere: code and detail as of a report of its own.
    Nearly {
        /// Code in `quarantine.reason`.
        code: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// Another file, and why no format sees a report in it.
    Other {
        /// Why, for a person.
        reason: String,
    },
}

/// A member of an archive that is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedMember {
    /// Its path in the archive.
    pub name: String,
    /// Why, for a person.
    pub reason: String,
}

/// The archive that a report was taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromArchive {
    /// Path in the archive of the member that is the report.
    pub member: String,
    /// The other members, in the order of their bytes.
    pub skipped: Vec<SkippedMember>,
}

/// Why an archive is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ZipError {
    #[error("not a readable zip archive: {why}")]
    Broken { why: String },
    #[error("the member `{name}` of the zip archive {why}")]
    Member { name: String, why: String },
    #[error("the zip archive has {n_members} members, expected at most {MEMBERS_MAX}")]
    TooManyMembers { n_members: u64 },
    #[error("the zip archive has a member whose name leads out of it: `{name}`")]
    UnsafeName { name: String },
    #[error(
        "the zip archive could be read in more than one way: {why}; nothing of it is read: pack it again"
    )]
    Unsafe { why: String },
    #[error("none of the members of the zip archive is a report that is read: {}", shown(.others))]
    NoReport { others: Vec<SkippedMember> },
    #[error("several members of the zip archive are reports: {}; unpack it", .names.join(", "))]
    SeveralReports { names: Vec<String> },
    #[error("the member `{name}` of the zip archive: {detail}")]
    Nearly { name: String, code: &'static str, detail: String },
    #[error(
        "not all members of the zip archive are read: {}; unpack it, and put what counts into the folder",
        .members.join("; ")
    )]
    NotAll { members: Vec<String> },
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
}

fn shown(others: &[SkippedMember]) -> String {
    let mut names: Vec<String> =
        others.iter().map(|SkippedMember { name, reason }| format!("{name} ({reason})")).collect();
    if names.is_empty() {
        names.push("it has no members".to_owned());
    }
    names.join(", ")
}

impl ZipError {
    /// A member that cannot be unpacked.
    pub(super) fn member(name: &str, why: impl Into<String>) -> Self {
        Self::Member { name: name.to_owned(), why: why.into() }
    }

    /// Code in `quarantine.reason` of an archive that can be unpacked.
    pub(super) fn code(&self) -> Option<&'static str> {
        match self {
            Self::Broken { .. } | Self::Member { .. } | Self::Io(_) => None,
            Self::TooManyMembers { .. } | Self::UnsafeName { .. } | Self::Unsafe { .. } => {
                Some("unsafe_archive")
            }
            Self::NoReport { .. } => Some("unknown_format"),
            Self::Nearly { code, .. } => Some(code),
            Self::SeveralReports { .. } | Self::NotAll { .. } => Some("ambiguous_archive"),
        }
    }
}

/// Finds the member of an archive that is the report, and looks at all others: `judge` is asked with the
/// name and the first lines of each.
pub(super) fn choose<R: BufRead + Seek>(
    source: &mut R,
    judge: impl Fn(&str, &[u8]) -> MemberKind,
) -> Result<(ZipEntry, FromArchive), ZipError> {
    let entries = read_layout(source)?;
    let (mut reports, mut nearly, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
    for entry in entries {
        let name = entry.name.clone();
        match look_at(source, &entry, &judge)? {
            MemberKind::Report => reports.push(entry),
            MemberKind::Nearly { code, detail } => nearly.push((name, code, detail)),
            MemberKind::Other { reason } => skipped.push(SkippedMember { name, reason }),
        }
    }
    if nearly.is_empty() && reports.len() <= 1 {
        let Some(report) = reports.pop() else {
            return Err(ZipError::NoReport { others: skipped });
        };
        let member = report.name.clone();
        return Ok((report, FromArchive { member, skipped }));
    }
    Err(not_one(reports, nearly))
}

/// Why an archive is rejected that holds several members which are reports or nearly so.
fn not_one(reports: Vec<ZipEntry>, mut nearly: Vec<(String, &'static str, String)>) -> ZipError {
    let names = reports.into_iter().map(|entry| entry.name);
    if nearly.is_empty() {
        return ZipError::SeveralReports { names: names.collect() };
    }
    let mut members: Vec<String> = names.map(|name| format!("`{name}` is a report")).collect();
    if members.is_empty() && nearly.len() == 1 {
        let (name, code, detail) = nearly.remove(0);
        return ZipError::Nearly { name, code, detail };
    }
    let near =
        nearly.iter().map(|(name, code, detail)| format!("`{name}` is not ({code}: {detail})"));
    members.extend(near);
    ZipError::NotAll { members }
}

/// What a member is. One that is not read any further is unpacked to its end here: it must be whole.
fn look_at<R: BufRead + Seek>(
    source: &mut R,
    entry: &ZipEntry,
    judge: impl Fn(&str, &[u8]) -> MemberKind,
) -> Result<MemberKind, ZipError> {
    let name = entry.name.as_str();
    let damaged = |error: io::Error| ZipError::member(name, format!("is damaged: {error}"));
    let mut member = BufReader::with_capacity(BLOCK_BYTES, open_member(source, entry)?);
    let first = member.fill_buf().map_err(damaged)?;
    let kind = if let Some(reason) = no_report(entry, first) {
        MemberKind::Other { reason: reason.to_owned() }
    } else if let Some(archive) = other_archive(first) {
        nested(archive)
    } else {
        let head = head_of(&mut member).map_err(damaged)?;
        let short = name.rsplit('/').next().unwrap_or(name);
        match other_archive(&head) {
            Some(archive) => nested(archive),
            None if head.is_empty() => empty(short),
            None => judge(short, &head),
        }
    };
    if kind != MemberKind::Report {
        let mut n_bytes = 0;
        loop {
            let n_more = member.fill_buf().map_err(damaged)?.len();
            if n_more == 0 {
                break;
            }
            member.consume(n_more);
            n_bytes += n_more as u64;
            if is_bomb(n_bytes, entry.packed_bytes) {
                return Err(ZipError::member(name, "unpacks to more than 1,000 times its size"));
            }
        }
    }
    Ok(kind)
}

/// Why a member is no report, where its name or its first bytes say so.
fn no_report(entry: &ZipEntry, first: &[u8]) -> Option<&'static str> {
    const OFFICE: [&str; 9] =
        [".xlsx", ".xlsm", ".xltx", ".docx", ".pptx", ".ods", ".odt", ".odp", ".numbers"];
    const OFFICE_PARTS: [&[u8]; 5] =
        [b"[Content_Types].xml", b"_rels/", b"docProps/", b"xl/", b"mimetype"];
    let name = entry.name.to_ascii_lowercase();
    if entry.is_folder() {
        return Some("a folder");
    }
    if name.starts_with("__macosx/") {
        return Some("what a Mac puts next to the files");
    }
    // The name of the first file in it stands behind 30 bytes.
    let inner = first.get(30..).unwrap_or_default();
    let is_office = OFFICE.iter().any(|ending| name.ends_with(ending))
        || OFFICE_PARTS.iter().any(|part| inner.starts_with(part));
    let is_zip = ReportPacking::of(first) == ReportPacking::Zip;
    (is_zip && is_office).then_some("an office document: no format reads one")
}

fn nested(archive: &str) -> MemberKind {
    let detail = format!("{archive} in an archive: unpack it");
    MemberKind::Nearly { code: "ambiguous_archive", detail }
}

/// What kind of archive, or packing that is not read, begins with these bytes.
fn other_archive(first: &[u8]) -> Option<&'static str> {
    const KINDS: [(&[u8], &str); 8] = [
        (b"PK\x05\x06", "an empty zip archive"),
        (b"PK\x07\x08", "a zip archive"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (b"Rar!\x1a\x07", "a rar archive"),
        (b"BZh", "a bzip2 file"),
        (b"\xfd7zXZ\0", "an xz file"),
        (b"\x04\x22\x4d\x18", "an lz4 file"),
        (b"\x1f\x9d", "a compress file"),
    ];
    if ReportPacking::of(first) == ReportPacking::Zip {
        return Some("a zip archive");
    }
    if first.get(257..262) == Some(b"ustar") {
        return Some("a tar archive");
    }
    KINDS.iter().find(|(mark, _)| first.starts_with(mark)).map(|(_, kind)| *kind)
}

/// A file without bytes that is named as reports are may be one that was cut off.
fn empty(name: &str) -> MemberKind {
    const REPORTS: [&str; 8] = [".csv", ".tsv", ".txt", ".tab", ".psv", ".dat", ".gz", ".zst"];
    let name = name.to_ascii_lowercase();
    if REPORTS.iter().any(|ending| name.ends_with(ending)) {
        return MemberKind::Nearly { code: "empty_file", detail: "it has no bytes".to_owned() };
    }
    MemberKind::Other { reason: "it has no bytes".to_owned() }
}

/// The first lines of a member, unpacked where it is packed itself.
fn head_of(member: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    unpacked(member)?.take(BLOCK_BYTES as u64).read_to_end(&mut head)?;
    if let Some(feed) = memchr::memrchr(b'\n', &head) {
        head.truncate(feed + 1);
    }
    Ok(head)
}

/// The unpacked bytes of a member; the last read fails unless they are what the directory says.
pub(super) struct MemberReader<'a, R> {
    body: MemberBody<'a, R>,
    crc: Crc,
    n_bytes: u64,
    expected_crc: u32,
    expected_bytes: u64,
}

enum MemberBody<'a, R> {
    Stored(Take<&'a mut R>),
    Deflated(DeflateDecoder<Take<&'a mut R>>),
}

/// Begins to read a member.
pub(super) fn open_member<'a, R: BufRead + Seek>(
    source: &'a mut R,
    entry: &ZipEntry,
) -> io::Result<MemberReader<'a, R>> {
    source.seek(SeekFrom::Start(entry.data_start))?;
    let packed = source.take(entry.packed_bytes);
    let body = match entry.method {
        PackMethod::Stored => MemberBody::Stored(packed),
        PackMethod::Deflated => MemberBody::Deflated(DeflateDecoder::new(packed)),
    };
    Ok(MemberReader {
        body,
        crc: Crc::new(),
        n_bytes: 0,
        expected_crc: entry.crc,
        expected_bytes: entry.unpacked_bytes,
    })
}

impl<R: BufRead> Read for MemberReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = match &mut self.body {
            MemberBody::Stored(packed) => packed.read(buffer)?,
            MemberBody::Deflated(packed) => packed.read(buffer)?,
        };
        self.crc.update(&buffer[..n_bytes]);
        self.n_bytes += n_bytes as u64;
        if n_bytes == 0 && !buffer.is_empty() {
            self.require_whole()?;
        }
        Ok(n_bytes)
    }
}

impl<R: BufRead> MemberReader<'_, R> {
    fn require_whole(&self) -> io::Result<()> {
        let left = match &self.body {
            MemberBody::Stored(packed) => packed.limit(),
            MemberBody::Deflated(packed) => packed.get_ref().limit(),
        };
        if self.n_bytes != self.expected_bytes || self.crc.sum() != self.expected_crc {
            return Err(io::Error::other("its bytes are not those that the archive was made of"));
        }
        if left != 0 {
            return Err(io::Error::other("other bytes follow its packed ones"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
