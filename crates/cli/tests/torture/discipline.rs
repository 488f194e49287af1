//! The order of steps on the disk: what a snapshot needs is synced before the snapshot gets its name,
//! and every name that is relied on is synced with its folder. A kill does not show when one of these
//! is missing, only a power cut would; so the steps themselves are looked at.

use std::collections::{BTreeMap, BTreeSet};

use crate::sample::figure;
use crate::scene::Scene;
use crate::shim::{Fault, Watch, run_with, run_within};

/// Paths as they are, or as they were opened: below the folder of the case.
fn below(path: &str) -> String {
    let start = path.find("warehouse").unwrap_or(0);
    path[start..].trim_end_matches('/').to_owned()
}

fn folder_of(path: &str) -> String {
    path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned())
}

/// What of the disk is not yet safe.
#[derive(Default)]
struct Unsafe {
    /// Files that were written to since they were synced.
    files: BTreeSet<String>,
    /// Folders with names that came since they were synced, and those names.
    folders: BTreeMap<String, BTreeSet<String>>,
}

impl Unsafe {
    fn step(&mut self, step: &str, path: &str, to: &str) {
        match step {
            "write" | "truncate" => drop(self.files.insert(path.to_owned())),
            "create" | "folder" | "symlink" => self.name(path),
            "link" => self.name(to),
            "syncfs" => *self = Self::default(),
            "sync" => {
                self.files.remove(path);
                self.folders.remove(path);
            }
            "rename" => {
                if let Some(names) = self.folders.get_mut(&folder_of(path)) {
                    names.remove(path);
                }
                self.moved(path, to);
                self.name(to);
            }
            "remove" => {
                self.files.remove(path);
            }
            _ => {}
        }
    }

    fn name(&mut self, path: &str) {
        // What is being made there is thrown away after a crash; what is kept of it gets another name.
        if path != "warehouse/internal/staging" {
            self.folders.entry(folder_of(path)).or_default().insert(path.to_owned());
        }
    }

    /// What is below a folder that was renamed has another path.
    fn moved(&mut self, from: &str, to: &str) {
        let moved = |path: &String| {
            let rest = path.strip_prefix(from)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| format!("{to}{rest}"))
        };
        self.files = self.files.iter().map(|path| moved(path).unwrap_or(path.clone())).collect();
        self.folders = self
            .folders
            .iter()
            .map(|(folder, name)| (moved(folder).unwrap_or(folder.clone()), name.clone()))
            .collect();
    }

    /// Nothing below these folders may be unsafe.
    #[track_caller]
    fn assert_safe(&self, within: &[&str], when: &str) {
        let is_within = |path: &str| within.iter().any(|folder| path.starts_with(folder));
        let files: Vec<&String> = self.files.iter().filter(|path| is_within(path)).collect();
        assert!(files.is_empty(), "{when}: not synced: {files:?}");
        let folders: Vec<_> = self
            .folders
            .iter()
            .filter(|(path, names)| is_within(path) && !names.is_empty())
            .collect();
        assert!(folders.is_empty(), "{when}: names not synced: {folders:?}");
    }
}

/// Looks at the steps of a run that publishes; returns their number.
#[track_caller]
fn assert_in_order(name: &str, steps: &[[String; 4]]) -> usize {
    let mut state = Unsafe::default();
    let (mut n_named, mut n_swaps) = (0, 0);
    for [_, step, path, to] in steps {
        let (path, to) = (below(path), below(to));
        // Who holds the lock is worth nothing after a power cut.
        if path == "warehouse/internal/lock" {
            continue;
        }
        let is_rename_to = |prefix: &str| step == "rename" && to.starts_with(prefix);
        if is_rename_to("warehouse/internal/snapshots/") {
            n_named += 1;
            let needed = [
                "warehouse/internal/staging/snapshot",
                "warehouse/internal/archive",
                "warehouse/internal/bad_rows",
            ];
            state.assert_safe(&needed, &format!("{name}: the snapshot gets its name"));
        }
        if is_rename_to("warehouse/tables") {
            n_swaps += 1;
            assert_eq!(n_named, 1, "{name}: readers are shown what has no name yet");
            let needed = ["warehouse/internal/snapshots", "warehouse/internal/listener.key"];
            state.assert_safe(&needed, &format!("{name}: the tables are swapped"));
        }
        let takes_tables_away = step == "remove" && path == "warehouse/tables";
        assert!(!takes_tables_away, "{name}: readers find no tables");
        // A file gets the name that counts only when its bytes are safe.
        if step == "rename" && !to.starts_with("warehouse/internal/staging") {
            state.assert_safe(&[&path], &format!("{name}: rename of {path}"));
        }
        state.step(step, &path, &to);
    }
    assert_eq!((n_named, n_swaps), (1, 1), "{name}");
    state.folders.retain(|folder, _| !folder.starts_with("warehouse/internal/staging"));
    state.assert_safe(&["warehouse"], &format!("{name}: at the end"));
    steps.len()
}

/// Steps that change the disk, and those that open.
const STEPS: &str = "open,write,sync,rename,link,symlink,remove,folder,truncate";

#[test]
fn nothing_is_relied_on_before_it_is_on_the_disk() {
    for scene in Scene::all() {
        let case = scene.copy();
        let run = run_with(&case, &scene.arguments, Fault::Tell, STEPS);
        assert!(matches!(run.outcome.code, 0 | 4), "{:?}", run.outcome);
        let n_steps = assert_in_order(scene.name, &run.steps);
        let what =
            format!("{}: {n_steps} steps, nothing relied on before it is synced", scene.name);
        figure("order of steps on the disk", &what);
    }
}

/// A warehouse that makes its own listener key.
#[test]
fn a_new_key_is_on_the_disk_before_anything_is_published_with_it() {
    let scene = Scene::first_run();
    let case = scene.copy();
    let given = scene.arguments.iter().position(|word| *word == "--listener-key-file").unwrap();
    let mut arguments = scene.arguments.clone();
    drop(arguments.drain(given..given + 2));
    let run = run_with(&case, &arguments, Fault::Tell, STEPS);
    assert!(matches!(run.outcome.code, 0 | 4), "{:?}", run.outcome);
    assert!(
        run.steps.iter().any(|[_, step, _, to]| step == "rename" && to.ends_with("/listener.key"))
    );
    assert_in_order("its own key", &run.steps);
}

/// The run that made the folders may have been cut off before it synced their names.
#[test]
fn the_name_of_a_new_warehouse_is_on_the_disk_after_any_first_run() {
    let scene = Scene::first_run();
    for is_left_over in [false, true] {
        let case = scene.copy();
        if is_left_over {
            std::fs::create_dir_all(case.path("warehouse/internal")).unwrap();
        }
        let watch = Watch { steps: "sync,rename", roots: "/", folders: "" };
        let run = run_within(&case, &scene.arguments, Fault::Tell, watch);
        assert!(matches!(run.outcome.code, 0 | 4), "{:?}", run.outcome);
        let above = case.path("").canonicalize().unwrap();
        let is_synced = |[_, step, path, _]: &[String; 4]| {
            step == "sync" && std::path::Path::new(path.trim_end_matches('/')) == above
        };
        let is_swap =
            |[_, step, _, to]: &[String; 4]| step == "rename" && to.ends_with("warehouse/tables");
        let synced = run.steps.iter().position(is_synced);
        let swap = run.steps.iter().position(is_swap);
        assert!(synced.is_some() && synced < swap, "{synced:?} {swap:?} {is_left_over}");
    }
}

/// The look at the steps sees what is missing.
#[test]
fn a_missing_sync_is_seen() {
    let scene = Scene::second_run();
    let case = scene.copy();
    let run = run_with(&case, &scene.arguments, Fault::Tell, STEPS);
    let syncs = run.steps.iter().filter(|[_, step, ..]| step == "sync").count();
    assert!(20 < syncs);
    let mut state = Unsafe::default();
    let is_manifest = |path: &str| path.ends_with("manifest.json");
    for [_, step, path, to] in &run.steps {
        let (path, to) = (below(path), below(to));
        if !(step == "sync" && is_manifest(&path)) {
            state.step(step, &path, &to);
        }
    }
    assert!(
        state.files.iter().any(|path| is_manifest(path)),
        "{:?}",
        state.files.iter().next().unwrap_or(&String::new())
    );
}
