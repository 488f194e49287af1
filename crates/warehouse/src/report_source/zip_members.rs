//! Zip archives of stores: one member is the report, others may be sums of it. Nothing is ever unpacked
//! to a path that an archive names.

use std::io::{BufRead, BufReader, Read, Seek};

use zip::ZipArchive;
use zip::read::ZipFile;

use super::{BLOCK_BYTES, Packing, unpacked};

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

impl ZipError {
    /// Code in `quarantine.reason` of an archive that can be unpacked.
    pub(super) fn code(&self) -> Option<&'static str> {
        match self {
            Self::Zip(_) | Self::Io(_) => None,
            Self::TooManyMembers { .. } | Self::UnsafeName { .. } => Some("unsafe_archive"),
            Self::NoReport { .. } => Some("unknown_format"),
            Self::SeveralReports { .. } => Some("ambiguous_archive"),
        }
    }
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
    let mut head = Vec::new();
    if Packing::of(buffered.fill_buf()?) != Packing::Zip {
        unpacked(buffered)?.take(BLOCK_BYTES as u64).read_to_end(&mut head)?;
    }
    if let Some(feed) = memchr::memrchr(b'\n', &head) {
        head.truncate(feed + 1);
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn archive(members: &[(&str, &[u8])]) -> Cursor<Vec<u8>> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in members {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap()
    }

    fn chosen(members: &[(&str, &[u8])]) -> Result<String, String> {
        let is_report = |_: &str, head: &[u8]| head.starts_with(b"day\t");
        choose(archive(members), is_report)
            .map(|(_, member)| member.name)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_one_member_that_is_a_report_is_chosen_whatever_lies_beside_it() {
        let members: [(&str, &[u8]); 4] = [
            ("sums.csv", b"artist,sum\n"),
            ("a/detail.tsv", b"day\tisrc\n1\t2\n"),
            ("__MACOSX/a/detail.tsv", b"day\t\n"),
            ("b/", b""),
        ];
        assert_eq!(chosen(&members), Ok("a/detail.tsv".to_owned()));
    }

    #[test]
    fn none_or_several_reports_are_refused_with_their_names() {
        let none = chosen(&[("a.csv", b"artist\n"), ("b.csv", b"")]).unwrap_err();
        assert!(none.contains("a.csv, b.csv"), "{none}");
        let several = chosen(&[("a.tsv", b"day\t\n"), ("b.tsv", b"day\t\n")]).unwrap_err();
        assert!(several.contains("a.tsv, b.tsv"), "{several}");
    }

    #[test]
    fn a_name_that_leads_out_of_the_archive_is_refused() {
        for name in ["../../etc/cron.d/x", "a/../../b"] {
            let refused = chosen(&[(name, b"day\t\n")]).unwrap_err();
            assert!(refused.contains(name), "{refused}");
        }
    }

    #[test]
    fn too_many_members_are_refused_before_they_are_read() {
        let names: Vec<String> = (0..=MEMBERS_MAX).map(|n| n.to_string()).collect();
        let members: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), &b""[..])).collect();
        assert!(chosen(&members).unwrap_err().contains("1001 members"));
    }

    #[test]
    fn an_archive_that_is_none_is_refused() {
        let cut = archive(&[("a.tsv", b"day\t\n")]).into_inner();
        for end in 4..cut.len() {
            let is_report = |_: &str, _: &[u8]| true;
            assert!(choose(Cursor::new(&cut[..end]), is_report).is_err(), "{end}");
        }
    }
}
