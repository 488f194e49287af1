//! A folder of its own for each test: an inbox, a warehouse, a listener key, and the program to run
//! on them.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The binary under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_streamledger");

/// What a run left: its exit code and what it printed.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// Holds the exit code against the expected one, and shows all that was printed if it differs.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Looks for a text in stdout.
    #[track_caller]
    pub(crate) fn expect_stdout(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "no `{text}` in stdout:\n{}", self.stdout);
        self
    }

    /// Looks for a text in stderr.
    #[track_caller]
    pub(crate) fn expect_stderr(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no `{text}` in stderr:\n{}", self.stderr);
        self
    }

    /// A number of the table `run`, from a run with `--format json`.
    #[track_caller]
    pub(crate) fn number(&self, what: &str) -> i64 {
        let document: serde_json::Value = serde_json::from_str(&self.stdout).unwrap();
        let tables = document.as_object().unwrap().values();
        tables
            .flat_map(|table| table.as_array().unwrap())
            .find(|row| row["what"] == what)
            .and_then(|row| row["number"].as_i64())
            .unwrap()
    }
}

/// A file system in memory. Tests make and sync thousands of small files: on a disk that takes twice the
/// time, and what a sync does for a disk no test can see. What must reach it is checked step by step in
/// the tests that kill the program.
const IN_MEMORY: &str = "/dev/shm";

/// Bytes that must be free there; containers often have very few.
const FREE_BYTES_MIN: u64 = 4 << 30;

/// A new folder: in memory where there is room, or where `TMPDIR` says.
fn folder() -> std::io::Result<TempDir> {
    let has_room = rustix::fs::statvfs(IN_MEMORY)
        .is_ok_and(|disk| FREE_BYTES_MIN / disk.f_frsize.max(1) < disk.f_bavail);
    if std::env::var_os("TMPDIR").is_none() && has_room {
        // One that cannot be written to is no reason to fail.
        if let Ok(folder) = tempfile::tempdir_in(IN_MEMORY) {
            return Ok(folder);
        }
    }
    tempfile::tempdir()
}

/// A test's folder.
pub(crate) struct Case {
    folder: TempDir,
}

impl Case {
    /// An empty inbox, no warehouse yet, and a listener key.
    pub(crate) fn new() -> Self {
        let case = Self { folder: folder().unwrap() };
        fs::create_dir(case.path("inbox")).unwrap();
        fs::write(case.path("key"), [7; 32]).unwrap();
        case
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a file into the inbox.
    pub(crate) fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path("inbox").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Runs the program in the folder.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        let output = self.command(arguments).output().unwrap();
        Outcome {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The program with these arguments, to be run in the folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).current_dir(self.folder.path());
        command
            .env_remove("STREAMLEDGER_LISTENER_KEY_FILE")
            .env_remove("STREAMLEDGER_LISTENER_KEY")
            .env_remove("STREAMLEDGER_DECISIONS");
        command
    }

    /// Runs a run on the inbox and the warehouse of the folder.
    pub(crate) fn nightly(&self, more: &[&str]) -> Outcome {
        self.run(&nightly_arguments(more))
    }

    /// Runs `verify` on the folder's warehouse.
    pub(crate) fn verify(&self) -> Outcome {
        self.run(&["verify"])
    }

    /// Runs a run, and `verify` after it.
    #[track_caller]
    pub(crate) fn nightly_verified(&self, code: i32) -> Outcome {
        let outcome = self.nightly(&[]).expect_code(code);
        self.verify().expect_code(0);
        outcome
    }

    /// The published tables.
    pub(crate) fn tables(&self) -> PathBuf {
        self.path("warehouse/tables")
    }

    /// BLAKE3 of every published file by its path under `tables`; without the one table that depends
    /// on when the runs were.
    pub(crate) fn published(&self) -> BTreeMap<String, String> {
        published_in(&self.tables())
    }

    /// Copies `pipelines/` of the repository into the folder, for a test that changes a setting.
    pub(crate) fn own_pipelines(&self) {
        copy_tree(&repository().join("pipelines"), &self.path("pipelines"));
    }

    /// Replaces a text of a file in the folder; it must be there.
    #[track_caller]
    pub(crate) fn replace(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(file)).unwrap();
        assert!(text.contains(from), "no `{from}` in {file}");
        fs::write(self.path(file), text.replacen(from, to, 1)).unwrap();
    }
}

/// The pipeline that is shipped.
const PIPELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../pipelines/nightly.toml");

/// The arguments of a run: the usual ones that are not among these, and these.
pub(crate) fn nightly_arguments<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let usual = [
        ["--pipeline", PIPELINE],
        ["--listener-key-file", "key"],
        ["--as-of", "2026-10-01"],
        ["--fail-on", "rejects"],
    ];
    let not_given = usual.iter().filter(|[option, _]| !more.contains(option)).flatten().copied();
    ["nightly"].into_iter().chain(not_given).chain(more.iter().copied()).collect()
}

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files of a tree, by path from its root with `/`; without links, but the root may be one.
pub(crate) fn files_of(root: &Path) -> Vec<(String, PathBuf)> {
    let mut files = Vec::new();
    let Ok(entries) = fs::read_dir(root) else {
        return files;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            let inner = files_of(&path).into_iter();
            files.extend(inner.map(|(inner, path)| (format!("{name}/{inner}"), path)));
        } else {
            files.push((name, path));
        }
    }
    files.sort();
    files
}

/// BLAKE3 of every file of a folder of tables, as [`Case::published`].
pub(crate) fn published_in(tables: &Path) -> BTreeMap<String, String> {
    let mut published = hashes(tables);
    published.retain(|name, _| !name.starts_with("deliveries/"));
    published
}

/// BLAKE3 of every file of a tree.
pub(crate) fn hashes(root: &Path) -> BTreeMap<String, String> {
    let hash = |path: &Path| blake3::hash(&fs::read(path).unwrap()).to_hex().to_string();
    files_of(root).into_iter().map(|(name, path)| (name, hash(&path))).collect()
}

/// Copies a tree.
pub(crate) fn copy_tree(from: &Path, to: &Path) {
    for (name, path) in files_of(from) {
        let target = to.join(name);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(path, target).unwrap();
    }
}

/// Packs as one gzip member.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
