//! Zip archives of stores: one member is the report, others may be sums of it. Nothing is ever unpacked
//! to a path that an archive names.

use std::io::{BufRead, BufReader, Read, Seek};

use zip::ZipArchive;
use zip::read::ZipFile;

use super::BLOCK_BYTES;

/// Most members of an archive: a store sends a dozen at most.
const MEMBERS_MAX: usize = 1000;

/// The member of an archive that is the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) place: usize,
    pub(super) name: String,
}

/// Why an archive is no report.
#[derive(Debug, thiserror::Error)]
pub(super) enum ZipError {
    #[error("not a readable zip archive: {0}")]
    Zip(#[from] zip::result::ZipError),
    #[error("the zip archive has {n_members} members, expected at most {MEMBERS_MAX}")]
    TooManyMembers { n_members: usize },
    #[error("the zip archive has a member whose name leads out of it: `{name}`")]
    UnsafeName { name: String },
    #[error("none of the members of the zip archive is a report that is read: {}", .names.join(", "))]
    NoReport { names: Vec<String> },
    #[error("several members of the zip archive are reports: {}; unpack it", .names.join(", "))]
    SeveralReports { names: Vec<String> },
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
}

/// Opens an archive and finds the member that is the report: `is_report` is asked with the name and the
/// first lines of each.
pub(super) fn choose<R: Read + Seek>(
    source: R,
    is_report: impl Fn(&str, &[u8]) -> bool,
) -> Result<(ZipArchive<R>, Member), ZipError> {
    let mut archive = ZipArchive::new(source)?;
    let n_members = archive.len();
    if MEMBERS_MAX < n_members {
        return Err(ZipError::TooManyMembers { n_members });
    }
    let (mut reports, mut others) = (Vec::new(), Vec::new());
    for place in 0..n_members {
        let mut member = archive.by_index(place)?;
        let name = member.name().to_owned();
        if member.enclosed_name().is_none() {
            return Err(ZipError::UnsafeName { name });
        }
        // Folders, and what a Mac puts beside the files.
        if member.is_dir() || name.starts_with("__MACOSX/") {
            continue;
        }
        let head = head_of(&mut member)?;
        let short = name.rsplit('/').next().unwrap_or(&name);
        if is_report(short, &head) {
            reports.push(Member { place, name });
        } else {
            others.push(name);
        }
    }
    match reports.len() {
        0 => Err(ZipError::NoReport { names: others }),
        1 => Ok((archive, reports.remove(0))),
        _ => {
            let names = reports.into_iter().map(|member| member.name).collect();
            Err(ZipError::SeveralReports { names })
        }
    }
}

/// The first lines of a member, unpacked where it is packed itself.
fn head_of<R: Read>(member: &mut ZipFile<'_, R>) -> Result<Vec<u8>, std::io::Error> {
    let mut buffered = BufReader::with_capacity(BLOCK_BYTES, member);
    let packing = super::Packing::of(buffered.fill_buf()?);
    let mut head = Vec::new();
    let limit = BLOCK_BYTES as u64;
    match packing {
        super::Packing::Plain => buffered.take(limit).read_to_end(&mut head)?,
        super::Packing::Gzip => {
            flate2::bufread::MultiGzDecoder::new(buffered).take(limit).read_to_end(&mut head)?
        }
        super::Packing::Zstd => {
            zstd::stream::read::Decoder::with_buffer(buffered)?.take(limit).read_to_end(&mut head)?
        }
        super::Packing::Zip => 0,
    };
    if let Some(feed) = memchr::memrchr(b'\n', &head) {
        head.truncate(feed + 1);
    }
    Ok(head)
}
