//! A Python with the engines that read what is published: `STREAMLEDGER_PYTHON` names one that has them,
//! else one is made in `target/python`, which needs the network once.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::case::repository;

/// A Python with `DuckDB`, Polars and `PyArrow`, in the versions that the benchmarks pin.
pub(crate) fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        std::env::var_os("STREAMLEDGER_PYTHON").map_or_else(make_python, PathBuf::from)
    })
}

fn make_python() -> PathBuf {
    let pins = repository().join("benches/peers/requirements.txt");
    let folder = repository().join("target/python");
    let python = folder.join("bin/python");
    let done = folder.join("requirements.txt");
    if fs::read(&done).ok() == Some(fs::read(&pins).unwrap()) {
        return python;
    }
    let run = |command: &mut Command| {
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
    let install =
        ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "-r"];
    run(Command::new(&python).args(install).arg(&pins));
    // Copied last, so that an environment that was left half made is made again.
    fs::copy(&pins, &done).unwrap();
    python
}
