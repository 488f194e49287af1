//! The library that stands between the program and its disk.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::case::{Case, Outcome};

/// Every kind of step that it knows.
pub(crate) const ALL_STEPS: &str =
    "open,read,write,sync,rename,link,symlink,remove,folder,truncate";

/// Steps that change the disk: being killed at another one is the same as at the next of these.
pub(crate) const CHANGING_STEPS: &str = "write,sync,rename,link,symlink,remove,folder,truncate";

/// Paths of the steps that publish: the manifest, the snapshot that gets its name, the swap, the note of
/// when it was.
pub(crate) const COMMIT_PATH: &str =
    "snapshot/manifest:/snapshots:tables.new:warehouse/tables:/shown";

/// Folders whose syncs are steps that publish too: there are many, and they are done at the same time.
pub(crate) const COMMIT_FOLDERS: &str = "staging/snapshot";

/// Which steps are looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watch {
    /// Kinds, separated by commas.
    pub(crate) steps: &'static str,
    /// Parts of paths, separated by colons.
    pub(crate) roots: &'static str,
    /// Parts of paths of folders whose syncs are looked at as well.
    pub(crate) folders: &'static str,
}

/// What happens to a run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// The n-th step fails with this error.
    Fail(u64, i32),
    /// From the n-th step that takes space on there is none.
    Full(u64),
    /// Killed before the n-th step.
    KilledBefore(u64),
    /// Killed after it.
    KilledAfter(u64),
    /// Nothing; every step is told.
    Tell,
}

/// How a run ended under a fault.
#[derive(Debug)]
pub(crate) struct Faulty {
    /// What it left, with code -1 if it was killed.
    pub(crate) outcome: Outcome,
    /// The steps that were told: number, kind, path, second path.
    pub(crate) steps: Vec<[String; 4]>,
}

impl Faulty {
    /// Whether the fault was met.
    pub(crate) fn is_hit(&self) -> bool {
        !self.steps.is_empty()
    }

    /// The kind and path of the step that was hit.
    pub(crate) fn hit(&self) -> String {
        self.steps
            .first()
            .map_or_else(String::new, |[n, step, path, _]| format!("{n} {step} {path}"))
    }

    /// The path of the step that was hit.
    pub(crate) fn hit_path(&self) -> &str {
        self.steps.first().map_or("", |[_, _, path, _]| path)
    }

    pub(crate) fn hit_kind(&self) -> &str {
        self.steps.first().map_or("", |[_, step, ..]| step)
    }
}

/// Compiles a library of this folder with the machine's C compiler, the one that Rust links with.
pub(crate) fn compile(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let library = folder.join(format!("{name}-{}.so", std::process::id()));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/torture/{name}.c"));
    let mut compiler = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
    compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-Wno-format-truncation", "-o"]);
    compiler.arg(&library).arg(source).args(["-ldl", "-lpthread"]);
    assert!(compiler.status().unwrap().success(), "{name}.c does not compile");
    library
}

fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| compile("shim"))
}

/// Runs the program in a case's folder, with a fault at a step on the warehouse or the inbox.
pub(crate) fn run_with(
    case: &Case,
    arguments: &[&str],
    fault: Fault,
    steps: &'static str,
) -> Faulty {
    run_within(case, arguments, fault, Watch { steps, roots: "warehouse:inbox", folders: "" })
}

/// The same, at one of these steps.
pub(crate) fn run_within(case: &Case, arguments: &[&str], fault: Fault, watch: Watch) -> Faulty {
    let log = case.path("steps.log");
    if log.exists() {
        fs::remove_file(&log).unwrap();
    }
    let (mode, at, error) = match fault {
        Fault::Fail(at, error) => ("fail", at, error),
        Fault::Full(at) => ("full", at, 0),
        Fault::KilledBefore(at) => ("before", at, 0),
        Fault::KilledAfter(at) => ("after", at, 0),
        Fault::Tell => ("tell", 0, 0),
    };
    let output = case
        .command(arguments)
        .env("LD_PRELOAD", library())
        .env("FAULT_MODE", mode)
        .env("FAULT_AT", at.to_string())
        .env("FAULT_ERROR", error.to_string())
        .env("FAULT_ROOTS", watch.roots)
        .env("FAULT_FOLDERS", watch.folders)
        .env("FAULT_STEPS", watch.steps)
        .env("FAULT_LOG", &log)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let outcome = Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    };
    let told = fs::read_to_string(&log).unwrap_or_default();
    let step = |line: &str| {
        let mut cells = line.split('\t').map(str::to_owned);
        [(); 4].map(|()| cells.next().unwrap_or_default())
    };
    Faulty { outcome, steps: told.lines().map(step).collect() }
}
