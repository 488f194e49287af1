//! A browser that looks at pages: headless Chromium, driven from Node with playwright-core, and axe-core,
//! which checks whether everybody can use them. Their packages are put into `target/browser` from the
//! lock file next to `look.mjs`, which needs the network once.
//!
//! `STREAMLEDGER_CHROMIUM` names the browser; else `chromium` is looked for. Where there is neither that
//! nor Node, this says so and the pages are checked without it, unless `STREAMLEDGER_BROWSER_REQUIRED` is
//! set: then the test fails. `.ci/run` sets it, and installs what is missing.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]
#![expect(clippy::print_stderr, reason = "a check that was left out has to be seen")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::case::repository;
use crate::html::Page;

/// What a browser saw.
#[derive(Debug, Deserialize)]
pub(crate) struct Seen {
    pub(crate) pages: BTreeMap<String, SeenPage>,
    /// Addresses that are no files.
    pub(crate) elsewhere: Vec<String>,
    pub(crate) search: Search,
    pub(crate) keyboard: Keyboard,
    pub(crate) printed: Printed,
    /// Pictures of all pages in all views.
    #[serde(skip)]
    pub(crate) shots: Vec<PathBuf>,
}

/// A page in a browser.
#[derive(Debug, Deserialize)]
pub(crate) struct SeenPage {
    /// What axe-core does not like.
    pub(crate) complaints: Vec<String>,
    /// How many of its checks passed.
    pub(crate) passes: usize,
    /// What stood on the console.
    pub(crate) said: Vec<String>,
    /// Views in which it is wider than the window.
    pub(crate) wider: Vec<String>,
    pub(crate) charts: usize,
    #[serde(flatten)]
    pub(crate) content: Page,
}

/// What the search found.
#[derive(Debug, Deserialize)]
pub(crate) struct Search {
    pub(crate) answers: BTreeMap<String, Vec<String>>,
    pub(crate) loaded: usize,
    pub(crate) followed: String,
}

/// What keys alone reach.
#[derive(Debug, Deserialize)]
pub(crate) struct Keyboard {
    pub(crate) first: String,
    pub(crate) unfolded: Option<bool>,
}

/// Whether tables in what is folded up are there.
#[derive(Debug, Deserialize)]
pub(crate) struct Printed {
    pub(crate) screen: Vec<bool>,
    pub(crate) paper: Vec<bool>,
}

/// Looks at pages of a site; `None` where there is no browser to look with.
pub(crate) fn look(site: &Path, work: &Path, pages: &[&str]) -> Option<Seen> {
    let chromium = chromium()?;
    let shots = work.join("shots");
    fs::create_dir(&shots).unwrap();
    let script = repository().join("crates/cli/tests/browser/look.mjs");
    let mut command = Command::new("node");
    command.arg(script).arg(modules()).args([&chromium, &site.to_owned(), &shots]).args(pages);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut seen: Seen = serde_json::from_slice(&output.stdout).unwrap();
    let files = fs::read_dir(&shots).unwrap().map(|entry| entry.unwrap().path());
    seen.shots = files.filter(|path| path.extension().is_some_and(|end| end == "png")).collect();
    Some(seen)
}

fn chromium() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("STREAMLEDGER_CHROMIUM") {
        return Some(PathBuf::from(path));
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let find = |name: &str| {
        let mut paths = std::env::split_paths(&folders).map(|folder| folder.join(name));
        paths.find(|path| path.is_file())
    };
    let found = find("chromium").filter(|_| find("node").is_some() && find("npm").is_some());
    if found.is_none() {
        let is_required = std::env::var_os("STREAMLEDGER_BROWSER_REQUIRED").is_some();
        assert!(!is_required, "no browser to look at the pages with, though one is required");
        eprintln!("no browser has looked at the pages: install chromium, node and npm");
    }
    found
}

/// The folder of the packages.
fn modules() -> PathBuf {
    let (from, to) =
        (repository().join("crates/cli/tests/browser"), repository().join("target/browser"));
    let done = to.join("package-lock.json");
    let lock = from.join("package-lock.json");
    if fs::read(&done).ok() == Some(fs::read(&lock).unwrap()) && to.join("node_modules").is_dir() {
        return to;
    }
    fs::create_dir_all(&to).unwrap();
    for name in ["package.json", "package-lock.json"] {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
    let install = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    let output = Command::new("npm").args(install).current_dir(&to).output().unwrap();
    assert!(output.status.success(), "npm ci: {}", String::from_utf8_lossy(&output.stderr));
    to
}
