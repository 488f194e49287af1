//! Archives of ordinary writers are read; one that has bytes nobody listed, or says two things, is not.

use std::io::{Cursor, Write as _};

use proptest::prelude::*;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;
use crate::source::report_source::zip_members::open_member;

/// How a test's archive is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Descriptor {
    None,
    Short,
    ShortMarked,
    LongMarked,
}

/// One stored member as a writer that knows no sizes beforehand puts it.
fn local(name: &str, bytes: &[u8], descriptor: Descriptor) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    let (crc, length) =
        (crc.sum().to_le_bytes(), u32::try_from(bytes.len()).unwrap().to_le_bytes());
    let is_none = descriptor == Descriptor::None;
    let flags = if is_none { 0_u16 } else { HAS_DESCRIPTOR };
    let numbers = if is_none { [crc, length, length].concat() } else { vec![0; 12] };
    let name_bytes = u16::try_from(name.len()).unwrap().to_le_bytes();
    let mut all = [LOCAL.to_le_bytes().as_slice(), &[20, 0], &flags.to_le_bytes()].concat();
    all.extend([0, 0, 0, 0, 0, 0]);
    all.extend([numbers.as_slice(), &name_bytes, &[0, 0], name.as_bytes(), bytes].concat());
    let long = [length, [0; 4]].concat();
    let mark = DESCRIPTOR.to_le_bytes();
    all.extend(match descriptor {
        Descriptor::None => Vec::new(),
        Descriptor::Short => [crc, length, length].concat(),
        Descriptor::ShortMarked => [mark, crc, length, length].concat(),
        Descriptor::LongMarked => [&mark, &crc, long.as_slice(), &long].concat(),
    });
    all
}

fn central(name: &str, bytes: &[u8], descriptor: Descriptor, offset: usize) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    let length = u32::try_from(bytes.len()).unwrap().to_le_bytes();
    let flags = if descriptor == Descriptor::None { 0_u16 } else { HAS_DESCRIPTOR };
    let name_bytes = u16::try_from(name.len()).unwrap().to_le_bytes();
    let mut all =
        [CENTRAL.to_le_bytes().as_slice(), &[20, 0, 20, 0], &flags.to_le_bytes()].concat();
    all.extend([0, 0, 0, 0, 0, 0]);
    all.extend([crc.sum().to_le_bytes(), length, length].concat());
    all.extend(name_bytes);
    all.extend([0; 12]);
    all.extend(u32::try_from(offset).unwrap().to_le_bytes());
    all.extend(name.as_bytes());
    all
}

fn end(n_members: u16, directory: &[u8], start: usize, comment: &[u8]) -> Vec<u8> {
    let n = n_members.to_le_bytes();
    let mut all = [END.to_le_bytes().as_slice(), &[0; 4], &n, &n].concat();
    all.extend(u32::try_from(directory.len()).unwrap().to_le_bytes());
    all.extend(u32::try_from(start).unwrap().to_le_bytes());
    all.extend(u16::try_from(comment.len()).unwrap().to_le_bytes());
    all.extend(comment);
    all
}

/// An archive whose headers may name its members otherwise than its directory.
fn written(members: &[(&str, &str, &[u8])], descriptor: Descriptor, comment: &[u8]) -> Vec<u8> {
    let (mut all, mut directory) = (Vec::new(), Vec::new());
    for (header, listed, bytes) in members {
        directory.extend(central(listed, bytes, descriptor, all.len()));
        all.extend(local(header, bytes, descriptor));
    }
    let start = all.len();
    let end = end(u16::try_from(members.len()).unwrap(), &directory, start, comment);
    [all, directory, end].concat()
}

/// An archive whose directory leaves bytes out: before the first member, between the two, behind them.
fn with_gap(place: usize, gap: &[u8]) -> Vec<u8> {
    let (mut all, mut directory) = (Vec::new(), Vec::new());
    for (number, (name, _, bytes)) in TWO.iter().enumerate() {
        if number == place {
            all.extend(gap);
        }
        directory.extend(central(name, bytes, Descriptor::None, all.len()));
        all.extend(local(name, bytes, Descriptor::None));
    }
    if place == TWO.len() {
        all.extend(gap);
    }
    let end = end(2, &directory, all.len(), b"");
    [all, directory, end].concat()
}

/// Names and bytes of all members.
fn members(archive: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut source = Cursor::new(archive);
    let entries = read_layout(&mut source).map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    for entry in entries {
        let mut bytes = Vec::new();
        let read = open_member(&mut source, &entry).and_then(|mut m| m.read_to_end(&mut bytes));
        read.map_err(|error| error.to_string())?;
        found.push((entry.name, bytes));
    }
    Ok(found)
}

const TWO: [(&str, &str, &[u8]); 2] = [("a.tsv", "a.tsv", b"day\n1\n"), ("b/", "b/", b"")];

fn two() -> Vec<(String, Vec<u8>)> {
    TWO.map(|(_, name, bytes)| (name.to_owned(), bytes.to_vec())).to_vec()
}

#[test]
fn descriptors_of_all_kinds_belong_to_their_members() {
    use Descriptor::{LongMarked, None, Short, ShortMarked};
    for descriptor in [None, Short, ShortMarked, LongMarked] {
        assert_eq!(members(&written(&TWO, descriptor, b"")), Ok(two()), "{descriptor:?}");
    }
}

#[test]
fn a_comment_is_no_member_and_may_hold_no_archive() {
    assert_eq!(members(&written(&TWO, Descriptor::None, b"of June")), Ok(two()));
    let inner = written(&TWO, Descriptor::None, b"");
    for comment in [inner.as_slice(), &inner[..40], &inner[inner.len() - 22..]] {
        let error = members(&written(&TWO, Descriptor::None, comment)).unwrap_err();
        assert!(error.contains("comment holds"), "{error}");
    }
}

#[test]
fn a_second_archive_before_or_behind_is_told() {
    let one = written(&TWO, Descriptor::None, b"");
    let error = members(&[one.as_slice(), &one].concat()).unwrap_err();
    assert!(error.contains(&format!("{} bytes stand before it", one.len())), "{error}");
    let error = members(&[one.as_slice(), b"\n"].concat()).unwrap_err();
    assert!(error.contains("1 bytes follow its end"), "{error}");
}

/// As a program writes it that puts a file before an archive, or leaves a member out of its directory.
#[test]
fn bytes_that_the_directory_leaves_out_are_told() {
    assert_eq!(members(&with_gap(0, b"")), Ok(two()));
    let member = local("c.tsv", b"day\n3\n", Descriptor::None);
    for place in 0..3 {
        for gap in [b"x".as_slice(), &member] {
            let error = members(&with_gap(place, gap)).unwrap_err();
            assert!(error.contains("belong to no listed member"), "{place}: {error}");
        }
    }
    let directory = Vec::new();
    let none = [member.as_slice(), &end(0, &directory, member.len(), b"")].concat();
    assert!(members(&none).unwrap_err().contains("belong to no listed member"));
}

#[test]
fn names_that_come_twice_or_differ_between_header_and_directory_are_unsafe() {
    for (second, expected) in [
        ("a.tsv", "more than one member named `a.tsv`"),
        ("./a.tsv", "also as `a.tsv`"),
        (".\\a.tsv", "also as `a.tsv`"),
    ] {
        let archive = [TWO[0], (second, second, b"day\n2\n")];
        let error = members(&written(&archive, Descriptor::None, b"")).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    let archive = [("b.tsv", "a.tsv", b"day\n".as_slice())];
    let error = members(&written(&archive, Descriptor::None, b"")).unwrap_err();
    assert!(error.contains("lists `a.tsv` where a header names `b.tsv`"), "{error}");
    let archive = [("b/", "b/", b"day\n".as_slice())];
    let error = members(&written(&archive, Descriptor::None, b"")).unwrap_err();
    assert!(error.contains("named as a folder and has bytes"), "{error}");
}

/// The same member listed under two names, so that one of them is of no bytes of its own.
#[test]
fn members_that_overlap_are_unsafe() {
    let bytes = b"day\n1\n";
    let member = local("a.tsv", bytes, Descriptor::None);
    let directory = central("a.tsv", bytes, Descriptor::None, 0);
    let directory = [directory.as_slice(), &directory].concat();
    let archive = [member.as_slice(), &directory, &end(2, &directory, member.len(), b"")].concat();
    assert!(members(&archive).unwrap_err().contains("more than one member"));
    let error = members(&archive[..archive.len() - 1]).unwrap_err();
    assert!(error.contains("cut off"), "{error}");
}

/// An archive of 64 bits, as programs write it that do not know how large it will be.
#[test]
fn the_second_end_of_an_archive_of_64_bits_is_read_and_must_agree() {
    let archive = written(&TWO, Descriptor::None, b"");
    let (body, short) = archive.split_at(archive.len() - 22);
    let mut fields = ZipFields::at(short, 12).unwrap();
    let (n_bytes, start) = (fields.u32().unwrap(), fields.u32().unwrap());
    let with = |n_members: u64| {
        let mut long =
            [END_64.to_le_bytes().as_slice(), &44_u64.to_le_bytes(), &[45, 0, 45, 0]].concat();
        long.extend([0; 8]);
        for number in [n_members, n_members, n_bytes.into(), start.into()] {
            long.extend(number.to_le_bytes());
        }
        long.extend(LOCATOR_64.to_le_bytes());
        long.extend([0; 4]);
        long.extend((body.len() as u64).to_le_bytes());
        long.extend(1_u32.to_le_bytes());
        long
    };
    // Numbers that fit may stand in both; those that do not are all ones in the short one.
    let mut ones = short.to_vec();
    ones[8..20].fill(0xff);
    for short in [short, &ones] {
        let archive = [body, &with(2), short].concat();
        assert_eq!(members(&archive), Ok(two()));
        assert!(members(&[body, &with(3), short].concat()).is_err());
        assert!(members(&[body, b"x", &with(2), short].concat()).is_err());
    }
}

fn by_the_writer(
    files: &[(String, Vec<u8>)],
    packs: bool,
    is_large: bool,
    comment: &str,
) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let method =
        if packs { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
    let options = SimpleFileOptions::default().compression_method(method).large_file(is_large);
    for (name, bytes) in files {
        writer.start_file(name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.set_comment(comment).unwrap();
    writer.finish().unwrap().into_inner()
}

fn files() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    let bytes = prop::collection::vec(any::<u8>(), 0..60);
    let file = ("[a-z\u{e9}]{1,6}(/[a-z]{1,3})?\\.tsv", bytes);
    prop::collection::btree_map(file.0, file.1, 1..5).prop_map(|map| map.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_member_of_a_writer_is_found(
        files in files(), packs in any::<bool>(), is_large in any::<bool>(), comment in "[a-z ]{0,20}",
    ) {
        let archive = by_the_writer(&files, packs, is_large, &comment);
        prop_assert_eq!(members(&archive), Ok(files));
    }

    #[test]
    fn bytes_that_are_put_in_anywhere_are_never_passed_over(
        files in files(), packs in any::<bool>(), is_large in any::<bool>(),
        place in any::<prop::sample::Index>(), more in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let mut archive = by_the_writer(&files, packs, is_large, "");
        let place = place.index(archive.len() + 1);
        archive.splice(place..place, more);
        prop_assert!(members(&archive).is_err());
    }

    /// Times and rights of files may change; names and bytes may not.
    #[test]
    fn a_byte_that_is_changed_anywhere_never_changes_what_is_read(
        files in files(), packs in any::<bool>(), is_large in any::<bool>(),
        place in any::<prop::sample::Index>(), flip in 1_u8..,
    ) {
        let mut archive = by_the_writer(&files, packs, is_large, "");
        let place = place.index(archive.len());
        archive[place] ^= flip;
        if let Ok(found) = members(&archive) {
            prop_assert_eq!(found, files);
        }
    }

    #[test]
    fn an_archive_that_is_cut_anywhere_is_none(
        files in files(), packs in any::<bool>(), place in any::<prop::sample::Index>(),
    ) {
        let archive = by_the_writer(&files, packs, false, "");
        prop_assert!(members(&archive[..place.index(archive.len())]).is_err());
    }
}
