//! A new warehouse from the archive of an old one, also of an earlier schema version.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::case::{Case, copy_tree, gzip, hashes};
use crate::report::{good_report, report};

const AS_OF: [&str; 2] = ["--as-of", "2026-11-20"];

const AUDIOMACK: &str = "date,subscriber_status,country,music_id,music_title,album,music_genre,\
    release_date,upc,isrc,reposts,favourites,downloads,play30s,listeners,member_id,member_name\n\
    2026-09-01,Premium,GH,M1,t,al,g,,200000000011,GBXY12600001,0,0,0,12,9,1,m\n";

/// Reports as they come, one of them written over by another one of the same name.
fn warehouse() -> Case {
    let case = Case::new();
    case.put("spotify/2026-09/a.tsv", good_report("2026-09-15", 0..20));
    case.put("spotify/2026-09/b.tsv.gz", gzip(&good_report("2026-09-16", 20..30)));
    case.put("spotify/empty.tsv", report(&[]));
    case.put("spotify/broken.tsv", "what\tis\tthis\n1\t2\t3\n");
    case.put("audiomack/plays_20260901.csv", AUDIOMACK);
    case.nightly(&AS_OF).expect_code(4);
    case.put("audiomack/plays_20260901.csv", AUDIOMACK.replace(",12,9,", ",15,9,"));
    case.nightly(&AS_OF);
    case
}

/// Partitions with the hash of their file, without the tables in which rejected reports stand, which are
/// in no archive.
fn figures(tables: &Path) -> BTreeMap<String, String> {
    let mut found = hashes(tables);
    found.retain(|path, _| {
        !["deliveries", "reports", "quarantine", "coverage"].iter().any(|t| path.starts_with(t))
    });
    found
}

/// Moves the warehouse aside and makes it again from there.
fn rebuild(case: &Case, more: &[&str]) -> crate::case::Outcome {
    let (old, new) = (case.path("old"), case.path("warehouse"));
    fs::rename(&new, &old).unwrap();
    let [old, new] = [old, new].map(|path| path.to_str().unwrap().to_owned());
    let arguments = ["backfill", "--from-archive", &old, "--warehouse", &new];
    let pipeline = crate::case::repository().join("pipelines/nightly.toml");
    case.run(&[&arguments[..], &["--pipeline", pipeline.to_str().unwrap()], &AS_OF, more].concat())
}

/// Makes a warehouse one of schema version 1, as far as that can be seen of its manifests.
fn make_old(root: &Path) {
    for snapshot in fs::read_dir(root.join("internal/snapshots")).unwrap() {
        let folder = snapshot.unwrap().path();
        if folder.join("manifest.blake3").exists() {
            fs::rename(folder.join("manifest.blake3"), folder.join("manifest.sha256")).unwrap();
        }
    }
}

#[test]
fn a_warehouse_is_made_again_from_the_archive_of_another_one() {
    let case = warehouse();
    let (before, published) = (figures(&case.tables()), case.published());
    let outcome = rebuild(&case, &["--listener-key-file", "key"])
        .expect_code(0)
        .expect_stdout("from the archive of")
        .expect_stdout("spotify/broken.tsv");
    outcome.expect_stdout("overlaps");
    assert_eq!(figures(&case.tables()), before);
    case.verify().expect_code(0);
    assert!(!case.path("warehouse/internal/from-archive").exists());
    // With the rejected report, which is still in the inbox, all is as it was.
    case.nightly(&AS_OF);
    assert_eq!(case.published(), published);
}

/// Of a warehouse only the archive, the key and the decisions are left.
#[test]
fn a_warehouse_is_made_again_from_what_a_backup_needs() {
    let case = Case::new();
    case.put("spotify/2026-09/a.tsv", good_report("2026-09-15", 0..20));
    case.put("spotify/2026-09/b.tsv.gz", gzip(&good_report("2026-09-16", 20..30)));
    case.put("spotify/2026-09/copy_of_b.tsv", good_report("2026-09-16", 20..30));
    case.put("audiomack/plays_20260901.csv", AUDIOMACK);
    case.nightly(&AS_OF).expect_code(0);
    let published = case.published();
    let old = case.path("warehouse");
    fs::remove_file(old.join("tables")).unwrap();
    for entry in fs::read_dir(old.join("internal")).unwrap() {
        let path = entry.unwrap().path();
        let is_kept = ["archive", "decisions"].iter().any(|name| path.ends_with(name));
        match (is_kept, path.is_dir()) {
            (true, _) => {}
            (false, true) => fs::remove_dir_all(path).unwrap(),
            (false, false) => fs::remove_file(path).unwrap(),
        }
    }
    fs::remove_dir_all(case.path("inbox")).unwrap();
    fs::create_dir(case.path("inbox")).unwrap();
    // A run next to such an archive does not pass over it in silence.
    copy_tree(&old.join("internal/archive"), &case.path("beside/internal/archive"));
    let run = case.nightly(&["--warehouse", "beside"]).expect_code(0);
    run.expect_stderr("unknown=3").expect_stderr("backfill --from-archive");
    rebuild(&case, &["--listener-key-file", "key"]).expect_code(0);
    assert_eq!(case.published(), published);
    case.verify().expect_code(0);
}

#[test]
fn what_the_archive_says_of_its_reports_is_verified_and_mended() {
    let case = warehouse();
    let names = crate::case::files_of(&case.path("warehouse/internal/archive"));
    let (name, path) = names.into_iter().find(|(_, path)| path.ends_with("names.json")).unwrap();
    let bytes = fs::read(&path).unwrap();
    for damaged in [Some(b"{}".to_vec()), None] {
        match damaged {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let outcome = case.verify().expect_code(1).expect_stdout(&name);
        outcome.expect_stdout("streamledger backfill");
        let pipeline = crate::case::nightly_arguments(&[])[2];
        let months = ["backfill", "--from", "2026-09", "--to", "2026-09", "--pipeline", pipeline];
        case.run(&[&months[..], &["--listener-key-file", "key"]].concat()).expect_code(0);
        assert_eq!(fs::read(&path).unwrap(), bytes);
        case.verify().expect_code(0);
    }
}

#[test]
fn a_warehouse_of_an_earlier_version_is_only_read() {
    let case = warehouse();
    let before = figures(&case.tables());
    make_old(&case.path("warehouse"));
    let rejected = case.nightly(&AS_OF).expect_code(2);
    rejected.expect_stderr("backfill --from-archive OLD --warehouse NEW");
    let outcome = rebuild(&case, &[]).expect_code(2);
    outcome.expect_stderr("give the file of its key as --listener-key-file");
    assert!(!case.path("warehouse/tables").exists());
    // Of a warehouse that has made its own key it is taken.
    fs::copy(case.path("key"), case.path("old/internal/listener.key")).unwrap();
    fs::rename(case.path("old"), case.path("warehouse")).unwrap();
    let files = hashes(&case.path("warehouse"));
    rebuild(&case, &[]).expect_code(0).expect_stdout("from the archive of");
    assert_eq!(hashes(&case.path("old")), files);
    let keys = ["old", "warehouse"]
        .map(|at| fs::read(case.path(at).join("internal/listener.key")).unwrap());
    assert_eq!(keys[0], keys[1]);
    assert_eq!(figures(&case.tables()), before);
}

#[test]
fn a_warehouse_with_tables_is_not_written_over() {
    let case = warehouse();
    let warehouse = case.path("warehouse");
    let warehouse = warehouse.to_str().unwrap();
    let files = hashes(&case.path("warehouse"));
    let arguments = ["backfill", "--from-archive", warehouse, "--warehouse", warehouse];
    let pipeline = crate::case::repository().join("pipelines/nightly.toml");
    let outcome = case.run(&[&arguments[..], &["--pipeline", pipeline.to_str().unwrap()]].concat());
    outcome.expect_code(2).expect_stderr("name a folder that is new");
    assert_eq!(hashes(&case.path("warehouse")), files);
}
