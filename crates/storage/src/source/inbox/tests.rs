//! Files are found in the order of the bytes of their names, and ignored folders are named once.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use super::*;

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
    let found = scan_inbox(inbox.path(), &IgnoredNames::new(&[]).unwrap()).unwrap();
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
    let ignored = IgnoredNames::new(&[".*", "lost+found"].map(str::to_owned)).unwrap();
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
