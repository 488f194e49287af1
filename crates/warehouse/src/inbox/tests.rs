//! Names are bytes; folders that cannot be listed keep nothing else from being found.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use proptest::prelude::*;

use super::*;

/// What is shown, back to bytes.
fn bytes_of(shown: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = shown.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = rest.strip_prefix(b"\\x").and_then(|digits| digits.first_chunk::<2>());
        if let Some(byte) = escaped.and_then(|digits| hex::decode(digits).ok()) {
            bytes.extend(byte);
            rest = &rest[4..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    bytes
}

#[test]
fn what_is_not_utf8_is_shown_by_its_number() {
    assert_eq!(shown_bytes(b"a\xff.tsv"), "a\\xff.tsv");
    assert_eq!(shown_bytes(b"a\\xff.tsv"), "a\\x5cxff.tsv");
    assert_eq!(shown_bytes("caf\u{e9}\\b".as_bytes()), "caf\u{e9}\\b");
}

proptest! {
    #[test]
    fn names_are_shown_so_that_their_bytes_can_be_told(
        name in prop::collection::vec(
            prop::sample::select(b"\\\\\\xxaf05g\xff\xc3\xa9\x80".to_vec()), 0..12,
        ),
    ) {
        prop_assert_eq!(bytes_of(&shown_bytes(&name)), name);
    }
}

#[test]
fn files_are_found_in_the_order_of_their_bytes() {
    let inbox = tempfile::tempdir().unwrap();
    let folder = inbox.path().join("spotify");
    std::fs::create_dir(&folder).unwrap();
    for name in [b"b".as_slice(), b"a\xff", b"a\xfe", b"a\\xff", b"a/b"] {
        let path = folder.join(OsString::from_vec(name.to_vec()));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap_or_default();
        if path.parent().unwrap().is_dir() {
            std::fs::write(path, "").unwrap();
        }
    }
    let found = scan_inbox(inbox.path(), &Ignored::new(&[]).unwrap()).unwrap();
    let names: Vec<&str> = found.files.iter().map(|file| file.name.as_str()).collect();
    let expected = ["a/b", "a\\x5cxff", "a\\xfe", "a\\xff", "b"].map(|n| format!("spotify/{n}"));
    assert_eq!(names, expected);
    assert!(found.files.iter().all(|file| file.store.as_deref() == Some("spotify")));
}

#[test]
fn folders_of_an_ignored_name_are_named_once_and_not_looked_into() {
    let inbox = tempfile::tempdir().unwrap();
    for folder in ["spotify/.snapshot/a", "spotify/old", "Lost+Found"] {
        std::fs::create_dir_all(inbox.path().join(folder)).unwrap();
        std::fs::write(inbox.path().join(folder).join("a.tsv"), "").unwrap();
    }
    let ignored = Ignored::new(&[".*", "lost+found"].map(str::to_owned)).unwrap();
    let found = scan_inbox(inbox.path(), &ignored).unwrap();
    assert_eq!(found.passed_over, ["Lost+Found/", "spotify/.snapshot/"]);
    assert_eq!(found.files.len(), 1);
    assert_eq!(found.files[0].name, "spotify/old/a.tsv");
}

/// Times before 1970 are times like others.
#[test]
fn a_time_before_1970_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    std::fs::write(&path, "").unwrap();
    let mut touch = std::process::Command::new("touch");
    touch.args(["-d", "1969-12-31T23:59:50Z"]).arg(&path);
    assert!(touch.status().unwrap().success());
    assert_eq!(FileState::of(&path).unwrap().modified, (-10, 0));
}
