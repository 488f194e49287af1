//! Scenes: a warehouse, a command, and what is published before and after it.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::OnceLock;

use crate::case::{Case, files_of, nightly_arguments, repository};
use crate::report::{Line, good_report, line, lines, report};

/// BLAKE3 by path under `tables`.
pub(crate) type Published = BTreeMap<String, String>;

/// A warehouse as it stands before a command, and what the command makes of it.
pub(crate) struct Scene {
    /// Name, for figures and failures.
    pub(crate) name: &'static str,
    folder: Case,
    /// The command, to be run in a copy.
    pub(crate) arguments: Vec<&'static str>,
    /// What is published before it.
    pub(crate) before: Published,
    /// What it publishes.
    pub(crate) after: Published,
}

/// A play heard offline, handed in under this date.
fn offline(day: &str, n: usize) -> Line {
    line(day, n)
        .with("stream_cached", "true")
        .with("offline_timestamp", format!("2026-08-31T10:{n:02}:00Z"))
}

/// Two dates, and a statement.
fn first_reports(case: &Case) {
    case.put(
        "spotify/streams_2026-09-01.tsv",
        report(&[lines("2026-09-01", 0..60), vec![offline("2026-09-01", 1)]].concat()),
    );
    case.put(
        "spotify/streams_2026-09-03.tsv",
        report(&[lines("2026-09-03", 0..60), vec![offline("2026-09-03", 2)]].concat()),
    );
    for (name, path) in files_of(&repository().join("fixtures/formats/cdbaby/in")) {
        case.put(&name, fs::read(path).unwrap());
    }
}

/// A new date, a late one that holds an offline play of a later date, a restated one, a bad one, a zip.
fn second_reports(case: &Case) {
    // A bad row among good ones.
    let bad = line("2026-09-04", 150).with("stream_length", "x");
    let rows = [lines("2026-09-04", 0..150), vec![bad]].concat();
    case.put("spotify/streams_2026-09-04.tsv", report(&rows));
    case.put(
        "spotify/streams_2026-09-02.tsv",
        report(&[lines("2026-09-02", 0..20), vec![offline("2026-09-02", 2)]].concat()),
    );
    case.put("spotify/streams_2026-09-01_v2.tsv", good_report("2026-09-01", 0..55));
    case.put("spotify/bad.tsv", report(&[line("2026-09-05", 0).with("stream_length", "x")]));
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.start_file("a.tsv", zip::write::SimpleFileOptions::default()).unwrap();
    archive.write_all(&good_report("2026-09-06", 0..10)).unwrap();
    case.put("spotify/streams_2026-09-06.zip", archive.finish().unwrap().into_inner());
    for (name, path) in files_of(&repository().join("fixtures/formats/distrokid/in")) {
        case.put(&name, fs::read(path).unwrap());
    }
}

impl Scene {
    fn new(name: &'static str, folder: Case, arguments: Vec<&'static str>) -> Self {
        let before = folder.published();
        let scene = Self { name, folder, arguments, before, after: Published::new() };
        let copy = scene.copy();
        let code = copy.run(&scene.arguments).code;
        assert!(matches!(code, 0 | 4), "{code}");
        copy.verify().expect_code(0);
        let after = copy.published();
        assert_ne!(scene.before, after);
        Self { after, ..scene }
    }

    /// The first run of an empty warehouse.
    pub(crate) fn first_run() -> &'static Self {
        static SCENE: OnceLock<Scene> = OnceLock::new();
        SCENE.get_or_init(|| {
            let case = Case::new();
            first_reports(&case);
            Self::new("first run", case, nightly_arguments(&[]))
        })
    }

    /// A run that changes much of what the first one published.
    pub(crate) fn second_run() -> &'static Self {
        static SCENE: OnceLock<Scene> = OnceLock::new();
        SCENE.get_or_init(|| {
            let case = Case::new();
            first_reports(&case);
            case.nightly(&[]);
            second_reports(&case);
            Self::new("second run", case, nightly_arguments(&[]))
        })
    }

    /// A backfill under another policy.
    pub(crate) fn backfill() -> &'static Self {
        static SCENE: OnceLock<Scene> = OnceLock::new();
        SCENE.get_or_init(|| {
            let case = Case::new();
            case.own_pipelines();
            first_reports(&case);
            case.nightly(&[]);
            let policy = case.path("pipelines/policies/default.toml");
            let text = fs::read_to_string(policy).unwrap().replace("days_max = 30", "days_max = 2");
            fs::write(case.path("stricter.toml"), text).unwrap();
            let arguments = [
                ["backfill", "--from"],
                ["2026-09", "--to"],
                ["2026-09", "--policy"],
                ["stricter.toml", "--listener-key-file"],
            ];
            let arguments = [arguments.concat(), vec!["key"]].concat();
            Self::new("backfill", case, arguments)
        })
    }

    /// All scenes.
    pub(crate) fn all() -> [&'static Self; 3] {
        [Self::first_run(), Self::second_run(), Self::backfill()]
    }

    /// A copy of its folder.
    pub(crate) fn copy(&self) -> Case {
        let case = Case::new();
        copy_folder(&self.folder.path(""), &case.path(""));
        case
    }

    /// What is published is the state before or the state after; whether it is the one after.
    #[track_caller]
    pub(crate) fn assert_whole(&self, case: &Case, context: &str) -> bool {
        let published = case.published();
        let is_after = published == self.after;
        assert!(is_after || published == self.before, "{}: {context}: half a state", self.name);
        if !published.is_empty() {
            let verified = case.verify();
            assert_eq!(verified.code, 0, "{}: {context}: {verified:?}", self.name);
        }
        is_after
    }

    /// The next run comes to the state after, and the one after that has nothing to do.
    #[track_caller]
    pub(crate) fn assert_recovers(&self, case: &Case, context: &str) {
        let again = case.run(&self.arguments);
        assert!(matches!(again.code, 0 | 4), "{}: {context}: {again:?}", self.name);
        assert_eq!(case.published(), self.after, "{}: {context}", self.name);
        let verified = case.verify();
        assert_eq!(verified.code, 0, "{}: {context}: {verified:?}", self.name);
        let snapshot = fs::read_link(case.tables()).unwrap();
        let run = case.run(&self.arguments);
        assert!(matches!(run.code, 0 | 4), "{}: {context}: {run:?}", self.name);
        assert_eq!(fs::read_link(case.tables()).unwrap(), snapshot, "{}: {context}", self.name);
        let left = files_of(&case.path("warehouse/internal/staging"));
        assert!(left.is_empty(), "{}: {context}: {left:?}", self.name);
    }
}

/// Copies a tree with its links and empty folders; files with several names stay one file.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    let status =
        std::process::Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().unwrap();
    assert!(status.success());
}
