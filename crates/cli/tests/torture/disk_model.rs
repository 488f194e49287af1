//! A model of a disk after a power cut. A file holds what it held at its last sync. A folder has the changes
//! that were synced, and none, all or some of those that were not.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::sample::Chance;

/// Number of a file or folder.
type Id = usize;

/// An entry of a folder.
#[derive(Debug, Clone)]
enum Node {
    /// Names as the program sees them, and as they are on the disk.
    Folder {
        seen: BTreeMap<String, Id>,
        on_disk: BTreeMap<String, Id>,
    },
    /// Copies of the file as of its last sync and as of its next one.
    File {
        synced: Option<PathBuf>,
        next: Option<PathBuf>,
    },
    Link(PathBuf),
}

/// A change to a folder that is not on the disk yet.
#[derive(Debug, Clone)]
struct Change {
    folder: Id,
    name: String,
    /// `None` where the name is removed.
    to: Option<Id>,
}

/// A step of the program: kind, path from the root, second path.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) kind: String,
    pub(crate) path: String,
    other: String,
}

/// Which of the changes that were not synced are on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Survives {
    None,
    All,
    /// Some of them; of a rename between two folders possibly only the old or only the new name.
    Some,
}

/// The disk at one moment of a run.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    nodes: Vec<Node>,
    pending: Vec<Vec<Change>>,
}

/// Reads the steps of a run from its log; paths are relative to the root.
pub(crate) fn read_steps(log: &Path, root: &Path) -> Vec<Step> {
    let text = fs::read_to_string(log).unwrap();
    let below = |path: &str| {
        let path = Path::new(path).strip_prefix(root);
        path.ok().map(|path| path.to_str().unwrap().to_owned())
    };
    let step = |line: &str| {
        let mut cells = line.split('\t');
        let (kind, path, other) = (cells.next()?, cells.next()?, cells.next()?);
        let other = match kind {
            "rename" | "link" => below(other)?,
            _ => other.to_owned(),
        };
        Some(Step { kind: kind.to_owned(), path: below(path)?, other })
    };
    text.lines().filter_map(step).collect()
}

impl Disk {
    /// The disk before the run, from a copy of the root that nothing changes.
    pub(crate) fn load(root: &Path) -> Self {
        let mut disk = Self { nodes: Vec::new(), pending: Vec::new() };
        disk.load_node(root);
        disk
    }

    fn add(&mut self, node: Node) -> Id {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn load_node(&mut self, path: &Path) -> Id {
        if path.is_symlink() {
            return self.add(Node::Link(fs::read_link(path).unwrap()));
        }
        if !path.is_dir() && path.exists() {
            return self.add(Node::File { synced: Some(path.to_owned()), next: None });
        }
        let folder = self.add(Node::Folder { seen: BTreeMap::new(), on_disk: BTreeMap::new() });
        let entries = fs::read_dir(path).into_iter().flatten();
        for entry in entries {
            let entry = entry.unwrap();
            let id = self.load_node(&entry.path());
            let name = entry.file_name().into_string().unwrap();
            if let Node::Folder { seen, on_disk } = &mut self.nodes[folder] {
                seen.insert(name.clone(), id);
                on_disk.insert(name, id);
            }
        }
        folder
    }

    fn find(&self, path: &str) -> Option<Id> {
        path.split('/').filter(|name| !name.is_empty()).try_fold(0, |id, name| {
            let Node::Folder { seen, .. } = &self.nodes[id] else { return None };
            seen.get(name).copied()
        })
    }

    /// The folder of a path, and the name in it.
    fn place(&self, path: &str) -> Option<(Id, String)> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        Some((self.find(folder)?, name.to_owned()))
    }

    fn change(&mut self, folder: Id, name: &str, to: Option<Id>) -> Option<Change> {
        let Node::Folder { seen, .. } = &mut self.nodes[folder] else { return None };
        match to {
            Some(id) => seen.insert(name.to_owned(), id),
            None => seen.remove(name),
        };
        Some(Change { folder, name: name.to_owned(), to })
    }

    /// Applies a step. One on a file that the model does not know changes nothing.
    pub(crate) fn play(&mut self, step: &Step) {
        let _unknown = self.try_play(step);
    }

    fn try_play(&mut self, step: &Step) -> Option<()> {
        let Step { kind, path, other } = step;
        if kind == "sync" {
            let id = self.find(path)?;
            if let Node::File { synced, .. } = &mut self.nodes[id] {
                *synced = Some(PathBuf::from(other));
                return Some(());
            }
            let (done, rest) = std::mem::take(&mut self.pending)
                .into_iter()
                .partition(|changes: &Vec<Change>| changes.iter().any(|c| c.folder == id));
            self.pending = rest;
            done.iter().flatten().for_each(|change| self.put_on_disk(change));
            return Some(());
        }
        let (folder, name) = self.place(path)?;
        let changes = match kind.as_str() {
            "create" => {
                let id = self.add(Node::File { synced: None, next: None });
                vec![self.change(folder, &name, Some(id))?]
            }
            "folder" => {
                let id = self.add(Node::Folder { seen: BTreeMap::new(), on_disk: BTreeMap::new() });
                vec![self.change(folder, &name, Some(id))?]
            }
            "symlink" => {
                let id = self.add(Node::Link(PathBuf::from(other)));
                vec![self.change(folder, &name, Some(id))?]
            }
            "remove" => vec![self.change(folder, &name, None)?],
            "link" | "rename" => {
                let id = self.find(path)?;
                let (to, new) = self.place(other)?;
                let added = self.change(to, &new, Some(id))?;
                if kind == "link" {
                    vec![added]
                } else {
                    vec![self.change(folder, &name, None)?, added]
                }
            }
            _ => return None,
        };
        self.pending.push(changes);
        Some(())
    }

    /// Notes for each file what it holds at its next sync: a part of that may be on the disk already.
    pub(crate) fn look_ahead(&mut self, steps: &[Step]) {
        let mut ahead = self.clone();
        for step in steps {
            if step.kind == "sync"
                && let Some(id) = ahead.find(&step.path).filter(|id| *id < self.nodes.len())
                && let Node::File { next, .. } = &mut self.nodes[id]
            {
                next.get_or_insert_with(|| PathBuf::from(&step.other));
            }
            ahead.play(step);
        }
    }

    fn put_on_disk(&mut self, change: &Change) {
        if let Node::Folder { on_disk, .. } = &mut self.nodes[change.folder] {
            match change.to {
                Some(id) => on_disk.insert(change.name.clone(), id),
                None => on_disk.remove(&change.name),
            };
        }
    }

    /// Cuts the power, and writes what is left of the disk to a new folder.
    pub(crate) fn cut(mut self, survives: Survives, chance: &mut Chance, to: &Path) {
        for changes in std::mem::take(&mut self.pending) {
            // A rename within a folder is one step for every file system.
            let is_one = changes.windows(2).all(|pair| pair[0].folder == pair[1].folder);
            let all = chance.within(0..2) == 1;
            for change in &changes {
                let is_kept = match survives {
                    Survives::None => false,
                    Survives::All => true,
                    Survives::Some if is_one => all,
                    Survives::Some => chance.within(0..2) == 1,
                };
                if is_kept {
                    self.put_on_disk(change);
                }
            }
        }
        self.write(0, survives, chance, to);
    }

    fn write(&self, id: Id, survives: Survives, chance: &mut Chance, to: &Path) {
        match &self.nodes[id] {
            Node::Folder { on_disk, .. } => {
                fs::create_dir_all(to).unwrap();
                for (name, id) in on_disk {
                    self.write(*id, survives, chance, &to.join(name));
                }
            }
            Node::Link(target) => symlink(target, to).unwrap(),
            Node::File { synced: Some(kept), .. } => drop(fs::copy(kept, to).unwrap()),
            Node::File { synced: None, next } => {
                let mut bytes =
                    next.as_ref().map(|kept| fs::read(kept).unwrap()).unwrap_or_default();
                if survives != Survives::All {
                    let length = chance.within(0..bytes.len() as u64 + 1);
                    bytes.truncate(usize::try_from(length).unwrap());
                }
                fs::write(to, bytes).unwrap();
            }
        }
    }
}
