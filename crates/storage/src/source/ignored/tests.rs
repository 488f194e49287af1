//! What the shipped pipeline passes over.

use super::*;

fn shipped() -> IgnoredNames {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../pipelines/nightly.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let pipeline: toml::Value = toml::from_str(&text).unwrap();
    let patterns = pipeline["inbox"]["ignore"].as_array().unwrap().iter();
    let patterns: Vec<String> = patterns.map(|p| p.as_str().unwrap().to_owned()).collect();
    IgnoredNames::new(&patterns).unwrap()
}

const NAME: &str = "audiomack_20260901.csv";

#[test]
fn what_transfer_programs_and_editors_write_is_passed_over_whatever_the_case() {
    let ignored = shipped();
    let written = [
        "NAME.5f3a9c1e.partial",
        "NAME.partial",
        "NAME.filepart",
        ".NAME.Xy12Qz",
        "NAME.crdownload",
        "NAME.download",
        "NAME.6eF5b5dA",
        "NAME.20aB12cD",
        "NAME_.gstmp",
        "NAME.gz_.gstmp",
        "~$NAME",
        "NAME~",
        "NAME.incomplete",
        "NAME.uploading",
        "NAME.filez",
        "tmp_NAME",
        ".in.NAME.",
        "~syncthing~NAME.tmp",
        ".syncthing.NAME.tmp",
        "NAME.part",
        "NAME.lftp",
        "NAME.incoming",
        "NAME.!",
        "NAME.temp",
        "NAME.tmp.12345",
        "NAME-aB3dE5fG",
        ".azDownload-1234-NAME",
        "NAME.s3cmd.tmp",
        "NAME._COPYING_",
        "NAME.aria2",
        "NAME.part.minio",
        ".~lock.NAME#",
        "#NAME#",
        "NAME.bak",
        ".DS_Store",
        "Thumbs.db",
        "NAME.opdownload",
        ".nfs00000001",
        "NAME.~1a2b3c",
    ];
    for name in written.map(|name| name.replace("NAME", NAME)) {
        for name in [name.clone(), name.to_uppercase(), format!("2026-09/{name}")] {
            assert!(ignored.has(&format!("audiomack/{name}")), "{name}");
        }
    }
}

#[test]
fn what_is_in_hidden_folders_and_those_of_disks_is_passed_over() {
    let ignored = shipped();
    let folders = [
        ".rsync-partial",
        ".stversions",
        ".snapshot/hourly.0",
        ".Trash-0/files",
        ".zfs/snapshot/a",
        "incoming.tmp",
        "lost+found",
        "@eaDir",
        "#recycle",
        "System Volume Information",
    ];
    for folder in folders {
        assert!(ignored.has(&format!("audiomack/{folder}/{NAME}")), "{folder}");
    }
    assert!(ignored.has(&format!(".hidden/{NAME}")));
}

#[test]
fn names_of_reports_are_not_passed_over() {
    let ignored = shipped();
    let reports = [
        NAME,
        "old/NAME",
        "a/b/NAME",
        "copy/NAME",
        "resent/NAME",
        "NAME.gz",
        "NAME.20260901",
        "NAME-20260901",
        "NAME.1",
        "NAME (1)",
        "report.deadbeef",
        "partial.tsv",
        "temperature.csv",
        "Statement~2026.csv",
        "a.part1.csv",
        "DSR_PADPIDA2_2026-09_DE_1of2_20261002T100000.tsv.gz",
    ];
    for name in reports.map(|name| name.replace("NAME", NAME)) {
        assert!(!ignored.has(&format!("audiomack/{name}")), "{name}");
    }
}

#[test]
fn a_pattern_with_a_slash_is_that_of_a_path() {
    let ignored =
        IgnoredNames::new(&["audiomack/old", "*/drafts/*.csv"].map(str::to_owned)).unwrap();
    for name in ["audiomack/old", "Audiomack/OLD/a.csv", "deezer/drafts/a.csv"] {
        assert!(ignored.has(name), "{name}");
    }
    for name in ["deezer/audiomack/old/a.csv", "audiomack/older/a.csv", "deezer/x/drafts/a.csv"] {
        assert!(!ignored.has(name), "{name}");
    }
}
