//! Every step on the disk fails, or the program is killed before or after it.

use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::case::{Case, Outcome, nightly_arguments};
use crate::report::good_report;
use crate::sample::{figure, is_full, numbers};
use crate::scene::{Scene, copy_folder};
use crate::shim::{
    ALL_STEPS, CHANGING_STEPS, COMMIT_FOLDERS, COMMIT_PATH, Fault, Watch, run_with, run_within,
};

const ENOENT: i32 = 2;
const EIO: i32 = 5;
const EACCES: i32 = 13;
const EINVAL: i32 = 22;

/// No scene has so many steps: a sample that never ends is a fault of the test.
const STEPS_MAX: u64 = 20_000;

/// An input or output error at the n-th step: the run fails and says so, or gets along without the
/// step; the previous tables stay, and a run on a sound disk does all of the work.
#[test]
fn an_error_at_any_step_loses_nothing() {
    for scene in Scene::all() {
        let (mut n_tried, mut n_failed) = (0, 0);
        for at in numbers(23).take_while(|at| *at < STEPS_MAX) {
            let case = scene.copy();
            let run = run_with(&case, &scene.arguments, Fault::Fail(at, EIO), ALL_STEPS);
            if !run.is_hit() {
                break;
            }
            let context = format!("error at {}", run.hit());
            n_tried += 1;
            let outcome = &run.outcome;
            let inbox = case.path("inbox");
            let is_of_inbox = |path: &Path| path.starts_with("inbox") || path.starts_with(&inbox);
            if is_of_inbox(run.hit_path().as_ref()) {
                // What is wrong with one file of the inbox is told of that file.
                let is_told = outcome.stdout.contains("Could not be read");
                assert!(outcome.code == 4 && is_told, "{}: {context}: {outcome:?}", scene.name);
                case.verify().expect_code(0);
                scene.assert_recovers(&case, &context);
                continue;
            }
            let is_after = scene.assert_whole(&case, &context);
            match outcome.code {
                0 | 4 => {
                    assert!(is_after, "{}: {context}: silent: {outcome:?}", scene.name);
                    assert!(
                        !run.hit_kind().starts_with("sync"),
                        "{}: {context}: a failed sync must fail the run",
                        scene.name
                    );
                }
                1 => {
                    n_failed += 1;
                    assert!(
                        outcome.stderr.contains("os error 5"),
                        "{}: {context}: {outcome:?}",
                        scene.name
                    );
                }
                code => panic!("{}: {context}: exit code {code}: {outcome:?}", scene.name),
            }
            scene.assert_recovers(&case, &context);
        }
        assert!(0 < n_tried);
        figure(
            "EIO at the n-th step",
            &format!(
                "{}: {n_tried} steps, {n_failed} runs failed and said so, 0 lost, 0 silent",
                scene.name
            ),
        );
    }
}

/// Whatever goes wrong with one file of the inbox, at whatever step: all other reports are published as
/// without that file, it is named, and the next run reads it.
#[test]
fn a_file_of_the_inbox_that_cannot_be_read_stops_no_other() {
    // A warehouse after its first run, and a report that is new.
    let first = Case::new();
    first.put("spotify/a.tsv", good_report("2026-09-01", 0..60));
    first.put("spotify/c.tsv", good_report("2026-09-03", 0..60));
    first.nightly(&[]).expect_code(0);
    first.put("spotify/d.tsv", good_report("2026-09-04", 0..60));
    let begun = || {
        let case = Case::new();
        copy_folder(&first.path(""), &case.path(""));
        case
    };
    let published = |case: &Case| {
        case.nightly(&[]).expect_code(0);
        case.published()
    };
    let report = good_report("2026-09-02", 0..60);
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.start_file("b.tsv", zip::write::SimpleFileOptions::default()).unwrap();
    std::io::Write::write_all(&mut archive, &report).unwrap();
    let archive = archive.finish().unwrap().into_inner();
    let without = published(&begun());
    for (name, bytes) in [("spotify/b.tsv", &report), ("spotify/b.zip", &archive)] {
        let mut n_tried = 0;
        let case = begun();
        case.put(name, bytes);
        let with = published(&case);
        for (at, error) in (1..).zip([ENOENT, EIO, EACCES].into_iter().cycle()) {
            let case = begun();
            case.put(name, bytes);
            let watch = Watch { steps: "open,read", roots: "inbox/spotify/b", folders: "" };
            let arguments = nightly_arguments(&[]);
            let run = run_within(&case, &arguments, Fault::Fail(at, error), watch);
            if !run.is_hit() {
                break;
            }
            n_tried += 1;
            let context = format!("error {error} at {}: {:?}", run.hit(), run.outcome);
            assert_eq!(run.outcome.code, 4, "{context}");
            assert!(run.outcome.stdout.contains("Could not be read"), "{context}");
            assert!(run.outcome.stderr.contains(name), "{context}");
            assert_eq!(case.published(), without, "{context}");
            assert_eq!(published(&case), with, "{context}");
            case.verify().expect_code(0);
        }
        assert!(2 < n_tried, "{name}: {n_tried}");
    }
}

/// A large report of the archive is read ahead, past the page cache: an error in that thread ends the
/// backfill, and a file system that does not know such reads is read as any other.
#[test]
fn an_error_while_a_large_archived_report_is_read_is_told() {
    let case = Case::new();
    case.own_pipelines();
    // The archive keeps what is packed as it is: stored, so that it is large.
    let mut stored = GzEncoder::new(Vec::new(), Compression::none());
    stored.write_all(&good_report("2026-09-04", 0..9_000)).unwrap();
    case.put("spotify/streams_2026-09-04.tsv.gz", stored.finish().unwrap());
    case.nightly(&[]).expect_code(0);
    let before = case.published();
    let arguments =
        ["backfill", "--from", "2026-09", "--to", "2026-09", "--listener-key-file", "key"];
    let watch = Watch { steps: "read", roots: "warehouse/internal/archive", folders: "" };
    let mut n_tried = 0;
    for at in 1.. {
        let run = run_within(&case, &arguments, Fault::Fail(at, EIO), watch);
        if !run.is_hit() {
            assert_eq!(run.outcome.code, 0, "{:?}", run.outcome);
            break;
        }
        n_tried += 1;
        let Outcome { code, stderr, .. } = &run.outcome;
        assert_eq!(*code, 1, "{}: {stderr}", run.hit());
        assert!(stderr.contains("os error 5") && stderr.contains("internal/archive"), "{stderr}");
        assert_eq!(case.published(), before);
    }
    assert!(4 < n_tried, "the report is not large: {n_tried} reads");
    // Before it the file is read that says under which names it came.
    let mut runs = (1..).map(|at| run_within(&case, &arguments, Fault::Fail(at, EINVAL), watch));
    let run = runs.find(|run| !run.hit().contains("names.json")).unwrap();
    assert!(run.is_hit());
    assert_eq!(run.outcome.code, 0, "{:?}", run.outcome);
    assert_eq!(case.published(), before);
}

/// No space from the n-th step on.
#[test]
fn a_disk_that_fills_up_loses_nothing() {
    for scene in Scene::all() {
        let mut n_tried = 0;
        for at in numbers(23).take_while(|at| *at < STEPS_MAX) {
            let case = scene.copy();
            let run = run_with(&case, &scene.arguments, Fault::Full(at), "");
            if !run.is_hit() {
                break;
            }
            let context = format!("full at {}", run.hit());
            n_tried += 1;
            let is_after = scene.assert_whole(&case, &context);
            let outcome = &run.outcome;
            let is_told = outcome.code == 1 && outcome.stderr.contains("No space left on device");
            assert!(
                is_told || is_after && matches!(outcome.code, 0 | 4),
                "{}: {context}: {outcome:?}",
                scene.name
            );
            scene.assert_recovers(&case, &context);
        }
        assert!(0 < n_tried);
        figure(
            "ENOSPC from the n-th write on",
            &format!("{}: {n_tried} points, 0 lost", scene.name),
        );
    }
}

/// Killed before and after the n-th step that changes the disk.
#[test]
fn a_kill_at_any_step_loses_nothing() {
    for scene in Scene::all() {
        let mut n_tried = 0;
        for at in numbers(23).take_while(|at| *at < STEPS_MAX) {
            let mut is_hit = false;
            for fault in [Fault::KilledBefore(at), Fault::KilledAfter(at)] {
                let case = scene.copy();
                let run = run_with(&case, &scene.arguments, fault, CHANGING_STEPS);
                if !run.is_hit() {
                    continue;
                }
                is_hit = true;
                n_tried += 1;
                let context = format!("{fault:?} at {}", run.hit());
                assert_eq!(run.outcome.code, -1, "{context}");
                scene.assert_whole(&case, &context);
                scene.assert_recovers(&case, &context);
            }
            if !is_hit {
                break;
            }
        }
        assert!(0 < n_tried);
        figure(
            "kill before and after the n-th step",
            &format!("{}: {n_tried} kills, 0 lost, 0 torn", scene.name),
        );
    }
}

/// The steps that publish but for the syncs of folders, or with them.
fn commit_path(folders: &'static str) -> Watch {
    Watch { steps: CHANGING_STEPS, roots: COMMIT_PATH, folders }
}

/// What the trials below are about is among the steps that they see.
#[test]
fn the_steps_that_publish_are_seen() {
    for scene in Scene::all() {
        let case = scene.copy();
        let told =
            run_within(&case, &scene.arguments, Fault::Tell, commit_path(COMMIT_FOLDERS)).steps;
        let has = |step: &str, from: &str, to: &str| {
            told.iter().any(|[_, kind, a, b]| kind == step && a.contains(from) && b.contains(to))
        };
        assert!(has("rename", "staging/snapshot", "/snapshots/0"), "{told:#?}");
        assert!(has("rename", "tables.new", "warehouse/tables"), "{told:#?}");
        assert!(has("rename", "staging/shown", "/shown/0"), "{told:#?}");
        assert!(has("sync", "staging/snapshot/manifest.json", ""), "{told:#?}");
        assert!(has("sync", "staging/snapshot/tables/plays", ""), "{told:#?}");
        assert!(has("sync", "internal/snapshots", ""), "{told:#?}");
        let is_data = |path: &str| path.ends_with(".parquet");
        assert!(told.iter().all(|[_, step, path, _]| step != "write" || !is_data(path)));
    }
}

/// Killed before and after each step that publishes: there are few of them, all are tried always.
#[test]
fn a_kill_at_any_step_that_publishes_loses_nothing() {
    for scene in Scene::all() {
        let n_tried = kill_at_each(scene, 1..STEPS_MAX, commit_path(""));
        assert!(8 < n_tried, "{}", scene.name);
        let what = format!("{}: {n_tried} kills, 0 lost, 0 torn", scene.name);
        figure("kill before and after each step that publishes", &what);
    }
}

/// The same with the syncs of the folders of the coming snapshot.
#[test]
fn a_kill_at_a_sync_of_a_folder_that_is_published_loses_nothing() {
    for scene in Scene::all() {
        let n_tried = kill_at_each(scene, numbers(13), commit_path(COMMIT_FOLDERS));
        assert!(0 < n_tried, "{}", scene.name);
        let what = format!("{}: {n_tried} kills, 0 lost, 0 torn", scene.name);
        figure("kill before and after each step that publishes, and each sync of a folder", &what);
    }
}

fn kill_at_each(scene: &Scene, places: impl Iterator<Item = u64>, watch: Watch) -> u64 {
    let mut n_tried = 0;
    for at in places.take_while(|at| *at < STEPS_MAX) {
        let mut is_hit = false;
        for fault in [Fault::KilledBefore(at), Fault::KilledAfter(at)] {
            let case = scene.copy();
            let run = run_within(&case, &scene.arguments, fault, watch);
            if run.is_hit() {
                is_hit = true;
                n_tried += 1;
                let context = format!("{fault:?} at {}", run.hit());
                scene.assert_whole(&case, &context);
                scene.assert_recovers(&case, &context);
            }
        }
        if !is_hit {
            break;
        }
    }
    n_tried
}

/// Killed at a step that publishes, and again at such a step of the run after that.
#[test]
fn a_second_kill_while_recovering_loses_nothing() {
    let watch = commit_path(if is_full() { COMMIT_FOLDERS } else { "" });
    let kill = |scene: &Scene, case: &Case, at| {
        run_within(case, &scene.arguments, Fault::KilledBefore(at), watch)
    };
    for scene in Scene::all() {
        let mut n_tried = 0;
        for at in numbers(6).take_while(|at| *at < STEPS_MAX) {
            let case = scene.copy();
            let killed = kill(scene, &case, at);
            if !killed.is_hit() {
                break;
            }
            // Of the second kills a third, another one for each first kill: all pairs take hours.
            let again = numbers(6).filter(|again| !is_full() || again % 3 == at % 3);
            for again in again.take_while(|at| *at < STEPS_MAX) {
                let both = scene.copy();
                kill(scene, &both, at);
                let run = kill(scene, &both, again);
                if !run.is_hit() {
                    break;
                }
                n_tried += 1;
                let context = format!("killed at {}, then at {}", killed.hit(), run.hit());
                scene.assert_whole(&both, &context);
                scene.assert_recovers(&both, &context);
            }
        }
        assert!(0 < n_tried, "{}", scene.name);
        let what = format!("{}: {n_tried} pairs, 0 lost, 0 torn", scene.name);
        figure("two kills at steps that publish", &what);
    }
}
