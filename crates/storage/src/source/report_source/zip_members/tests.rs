//! Every member of an archive is read, listed, or a reason to reject the archive.

use std::io::{Cursor, Write as _};

use proptest::prelude::*;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A report begins with `day`, what is nearly one with `dai`.
fn judge(_: &str, head: &[u8]) -> MemberKind {
    if head.starts_with(b"day\t") {
        MemberKind::Report
    } else if head.starts_with(b"dai\t") {
        MemberKind::Nearly { code: "missing_column", detail: "the header lacks day".to_owned() }
    } else {
        MemberKind::Other { reason: "nothing in common".to_owned() }
    }
}

fn choose_in(bytes: &[u8]) -> Result<FromArchive, ZipError> {
    choose(&mut Cursor::new(bytes), judge).map(|(_, archive)| archive)
}

fn chosen(members: &[(&str, &[u8])]) -> Result<FromArchive, String> {
    choose_in(&archive(members)).map_err(|error| error.to_string())
}

fn code(members: &[(&str, &[u8])]) -> Option<&'static str> {
    choose_in(&archive(members)).unwrap_err().code()
}

#[test]
fn the_one_member_that_is_a_report_is_chosen_and_what_lies_beside_it_is_listed() {
    let members: [(&str, &[u8]); 6] = [
        ("sums.csv", b"artist,sum\n"),
        ("a/detail.tsv", b"day\tisrc\n1\t2\n"),
        ("__MACOSX/a/detail.tsv", b"day\t\n"),
        ("b/", b""),
        ("statement.xlsx", b"PK\x03\x04"),
        ("_SUCCESS", b""),
    ];
    let found = chosen(&members).unwrap();
    assert_eq!(found.member, "a/detail.tsv");
    let skipped: Vec<(&str, &str)> =
        found.skipped.iter().map(|s| (s.name.as_str(), s.reason.as_str())).collect();
    let expected = [
        ("sums.csv", "nothing in common"),
        ("__MACOSX/a/detail.tsv", "what a Mac puts next to the files"),
        ("b/", "a folder"),
        ("statement.xlsx", "an office document: no format reads one"),
        ("_SUCCESS", "it has no bytes"),
    ];
    assert_eq!(skipped, expected);
}

#[test]
fn none_or_several_reports_are_rejected_with_their_names() {
    let none = chosen(&[("a.csv", b"artist\n"), ("b", b"")]).unwrap_err();
    assert!(none.contains("a.csv (nothing in common), b (it has no bytes)"), "{none}");
    let several = [("a.tsv", b"day\t\n".as_slice()), ("b.tsv", b"day\t\n")];
    assert!(chosen(&several).unwrap_err().contains("a.tsv, b.tsv"));
    assert_eq!(code(&several), Some("ambiguous_archive"));
    let nothing = choose_in(b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0").unwrap_err();
    assert_eq!(nothing.code(), Some("unknown_format"));
}

#[test]
fn what_is_nearly_a_report_is_no_other_file() {
    let alone = [("a.tsv", b"dai\t\n".as_slice()), ("sums.csv", b"artist\n")];
    assert_eq!(code(&alone), Some("missing_column"));
    assert!(
        chosen(&alone).unwrap_err().contains("`a.tsv` of the zip archive: the header lacks day")
    );
    let nested = archive(&[("b.tsv", b"day\t\n")]);
    let packed = zstd::encode_all(nested.as_slice(), 1).unwrap();
    let beside: [(&str, &[u8], &str); 6] = [
        ("b.tsv", b"dai\t\n", "missing_column"),
        ("b.tsv", b"", "empty_file"),
        ("b.zip", &nested, "a zip archive in an archive"),
        ("b.zip.zst", &packed, "a zip archive in an archive"),
        ("b.7z", b"7z\xbc\xaf\x27\x1c", "a 7z archive in an archive"),
        ("b.csv.xz", b"\xfd7zXZ\0", "an xz file in an archive"),
    ];
    for (name, bytes, why) in beside {
        let both = [("a.tsv", b"day\t\n".as_slice()), (name, bytes)];
        let error = chosen(&both).unwrap_err();
        for word in ["`a.tsv` is a report", &format!("`{name}` is not"), why] {
            assert!(error.contains(word), "no `{word}` in {error}");
        }
        assert_eq!(code(&both), Some("ambiguous_archive"));
    }
}

#[test]
fn a_damaged_member_is_named_whatever_it_is() {
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03 no deflate";
    let error = chosen(&[("a.tsv", b"day\t\n"), ("b.gz", gzip)]).unwrap_err();
    assert!(error.contains("`b.gz` of the zip archive is damaged"), "{error}");
    // Its last byte, far behind the head that is looked at.
    let long = [b"artist\n".as_slice(), &vec![b'x'; 2 * BLOCK_BYTES]].concat();
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    writer.start_file("sums.csv", stored).unwrap();
    writer.write_all(&long).unwrap();
    let mut bytes = writer.finish().unwrap().into_inner();
    bytes[30 + "sums.csv".len() + long.len() - 1] ^= 1;
    let error = choose_in(&bytes).unwrap_err();
    assert_eq!(error.code(), None);
    assert!(error.to_string().contains("`sums.csv` of the zip archive is damaged"), "{error}");
}

#[test]
fn an_encrypted_member_and_one_of_another_method_are_named() {
    let whole = archive(&[("a.tsv", b"day\t\n")]);
    let directory = memchr::memmem::find(&whole, b"PK\x01\x02").unwrap();
    for (place, value, why) in [(0, 1, "is encrypted"), (2, 12, "is packed by method 12")] {
        let mut bytes = whole.clone();
        bytes[6 + place] = value;
        bytes[directory + 8 + place] = value;
        let error = choose_in(&bytes).unwrap_err();
        assert_eq!(error.code(), None);
        assert!(
            error.to_string().contains(&format!("`a.tsv` of the zip archive {why}")),
            "{error}"
        );
    }
}

#[test]
fn a_name_that_leads_out_of_the_archive_is_rejected() {
    for name in ["../../etc/cron.d/x", "a/../../b", "..\\b", "C:/b"] {
        let rejected = chosen(&[(name, b"day\t\n")]).unwrap_err();
        assert!(rejected.contains(name), "{rejected}");
    }
}

#[test]
fn too_many_members_are_rejected_before_they_are_read() {
    let names: Vec<String> = (0..=MEMBERS_MAX).map(|n| n.to_string()).collect();
    let members: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), &b""[..])).collect();
    assert!(chosen(&members).unwrap_err().contains("1001 members"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Any mixture: it is read only if one is a report, and then all others are listed.
    #[test]
    fn every_member_is_read_listed_or_rejects_the_archive(
        kinds in prop::collection::vec(0_usize..5, 1..6),
    ) {
        let contents: [&[u8]; 5] = [b"day\t\n", b"dai\t\n", b"artist\n", b"", b"\x1f\x8b?"];
        let names: Vec<String> = (0..kinds.len()).map(|n| format!("{n}.tsv")).collect();
        let members: Vec<(&str, &[u8])> =
            names.iter().zip(&kinds).map(|(name, kind)| (name.as_str(), contents[*kind])).collect();
        let n_of = |wanted: usize| kinds.iter().filter(|kind| **kind == wanted).count();
        let is_clear = n_of(0) == 1 && [1, 3, 4].iter().all(|kind| n_of(*kind) == 0);
        match chosen(&members) {
            Ok(found) => {
                prop_assert!(is_clear);
                prop_assert_eq!(found.skipped.len() + 1, kinds.len());
            }
            Err(_) => prop_assert!(!is_clear),
        }
    }
}
