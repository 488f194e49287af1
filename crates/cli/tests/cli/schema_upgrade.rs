//! `fixtures/schema-2/`: a warehouse whose tables are of version 2 is rebuilt by the first run, from its
//! archive alone.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::fs;
use std::process::Command;

use crate::asks::{DAY, FIXTURE, expected, pipeline, waterfall};
use crate::case::{Case, copy_tree, nightly_arguments, repository};
use crate::purity::assert_same;

/// The warehouse of version 2, next to an inbox that is empty.
fn old_warehouse() -> Case {
    let case = Case::new();
    let packed = repository().join("fixtures/schema-2/warehouse.tar.gz");
    let unpacked = Command::new("tar")
        .args(["--no-same-owner", "-xzf"])
        .arg(packed)
        .arg("-C")
        .arg(case.path(""))
        .status()
        .unwrap();
    assert!(unpacked.success());
    fs::create_dir_all(case.path("inbox/spotify")).unwrap();
    case
}

#[test]
fn tables_of_version_2_are_rebuilt_from_the_archive_by_the_first_run() {
    let case = old_warehouse();
    let old = case.verify().expect_code(1);
    assert!(old.stdout.contains("is of schema version 2, the tables are of 3"), "{}", old.stdout);
    let arguments = ["--pipeline", &pipeline(), "--as-of", DAY];
    case.run(&nightly_arguments(&arguments)).expect_code(0);
    case.verify().expect_code(0);
    assert_eq!(waterfall(&case), expected("waterfall.csv"));

    let new = Case::new();
    copy_tree(&repository().join(FIXTURE).join("in"), &new.path("inbox"));
    new.run(&nightly_arguments(&arguments)).expect_code(0);
    assert_same(&case.published(), &new.published());
    case.run(&nightly_arguments(&arguments)).expect_code(0).expect_stdout("Nothing new");
}
