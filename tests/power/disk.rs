//! A directory as programs see it, and what of it is on the disk: built from a record, one step after the other.

use std::{
    collections::{BTreeMap, HashMap},
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::Path,
};

use super::{
    content::{Change, Content},
    fate::Fate,
    record::Step,
};
use crate::repeat::Dice;

const O_CREAT: i32 = 0o100;
const O_TRUNC: i32 = 0o1000;

/// The number of a file or a directory; it remains through renames.
type Inode = usize;
type Names = BTreeMap<String, Inode>;

/// A step's change, and the number of the step.
struct Unsynced<T> {
    step: usize,
    change: T,
}

struct FileInode {
    seen: Content,
    kept: Content,
    unsynced: Vec<Unsynced<Change>>,
}

/// Entries that change together: new values of names, `None` for those that are removed.
type NameChange = Vec<(String, Option<Inode>)>;

#[derive(Default)]
struct DirectoryInode {
    seen: Names,
    kept: Names,
    unsynced: Vec<Unsynced<NameChange>>,
}

enum Node {
    File(FileInode),
    Directory(DirectoryInode),
}

impl Node {
    fn unsynced(&self) -> usize {
        match self {
            Self::File(file) => file.unsynced.len(),
            Self::Directory(directory) => directory.unsynced.len(),
        }
    }

    /// The unsynced changes of the steps before `step` are on the disk.
    fn keep_before(&mut self, step: usize) {
        match self {
            Self::File(file) => {
                let count = file.unsynced.partition_point(|unsynced| unsynced.step < step);
                for unsynced in file.unsynced.drain(..count) {
                    file.kept.apply(&unsynced.change);
                }
            }
            Self::Directory(directory) => {
                let count = directory.unsynced.partition_point(|unsynced| unsynced.step < step);
                for unsynced in directory.unsynced.drain(..count) {
                    apply_names(&mut directory.kept, &unsynced.change);
                }
            }
        }
    }
}

fn apply_names(names: &mut Names, change: &NameChange) {
    for (name, inode) in change {
        match inode {
            Some(inode) => names.insert(name.clone(), *inode),
            None => names.remove(name),
        };
    }
}

/// The directory after some steps.
pub struct Disk {
    nodes: Vec<Node>,
    /// The open files of the current process.
    files: HashMap<u32, Inode>,
    /// The syncs in progress: of which file, and the step in which they began.
    syncs: HashMap<u64, (Inode, usize)>,
    step: usize,
}

const ROOT: Inode = 0;

impl Disk {
    /// The directory after `steps`.
    pub fn after(steps: &[Step]) -> Self {
        let root = Node::Directory(DirectoryInode::default());
        let mut disk = Self { nodes: vec![root], files: HashMap::new(), syncs: HashMap::new(), step: 0 };
        for step in steps {
            disk.take(step);
            disk.step += 1;
        }
        disk
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Started => {
                self.files.clear();
                self.syncs.clear();
            }
            Step::Opened { file, flags, path } => {
                let inode = self.opened(*flags, path);
                self.files.insert(*file, inode);
            }
            Step::Written { file, length, offset, bytes } => {
                let inode = self.sized(*file, *length);
                self.change(inode, Change::Write { offset: *offset, bytes: bytes.clone() });
            }
            Step::Resized { file, length, to } => {
                let inode = self.sized(*file, *length);
                self.change(inode, Change::Length(*to));
            }
            Step::Renamed { from, to } => self.rename(from, to),
            Step::Unlinked(path) | Step::Removed(path) => self.name(path, None),
            Step::Made(path) if path.is_empty() => {}
            Step::Made(path) => {
                let inode = self.add(Node::Directory(DirectoryInode::default()));
                self.name(path, Some(inode));
            }
            Step::Syncing { file, length, sync } => {
                let inode = self.sized(*file, *length);
                self.syncs.insert(*sync, (inode, self.step));
            }
            Step::Synced { sync, succeeded } => {
                if let Some((inode, began)) = self.syncs.remove(sync)
                    && *succeeded
                {
                    self.nodes[inode].keep_before(began);
                }
            }
        }
    }

    fn add(&mut self, node: Node) -> Inode {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn directory(&mut self, inode: Inode) -> &mut DirectoryInode {
        match &mut self.nodes[inode] {
            Node::Directory(directory) => directory,
            Node::File(_) => panic!("a file is used as a directory"),
        }
    }

    fn found(&self, path: &str) -> Option<Inode> {
        let mut at = ROOT;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let Node::Directory(directory) = &self.nodes[at] else { return None };
            at = *directory.seen.get(name)?;
        }
        Some(at)
    }

    /// The directory of `path`, and its name there.
    fn place<'p>(&self, path: &'p str) -> (Inode, &'p str) {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        (self.found(parent).unwrap_or_else(|| panic!("no directory of {path}")), name)
    }

    fn opened(&mut self, flags: i32, path: &str) -> Inode {
        let inode = match self.found(path) {
            Some(inode) => inode,
            None => {
                assert!(flags & O_CREAT != 0, "{path} was opened, and the record does not create it");
                let (seen, kept) = (Content::default(), Content::default());
                let inode = self.add(Node::File(FileInode { seen, kept, unsynced: Vec::new() }));
                self.name(path, Some(inode));
                inode
            }
        };
        if flags & O_TRUNC != 0 {
            self.change(inode, Change::Length(0));
        }
        inode
    }

    /// The file, which has `length` before this step. Another length is the effect of a call that was not recorded.
    fn sized(&mut self, file: u32, length: u64) -> Inode {
        let inode = self.files[&file];
        if let Node::File(file) = &self.nodes[inode]
            && file.seen.length != length
        {
            self.change(inode, Change::Length(length));
        }
        inode
    }

    fn change(&mut self, inode: Inode, change: Change) {
        let step = self.step;
        let Node::File(file) = &mut self.nodes[inode] else { panic!("a directory is used as a file") };
        file.seen.apply(&change);
        file.unsynced.push(Unsynced { step, change });
    }

    fn change_names(&mut self, directory: Inode, change: NameChange) {
        let step = self.step;
        let directory = self.directory(directory);
        apply_names(&mut directory.seen, &change);
        directory.unsynced.push(Unsynced { step, change });
    }

    fn name(&mut self, path: &str, inode: Option<Inode>) {
        let (directory, name) = self.place(path);
        self.change_names(directory, vec![(name.to_owned(), inode)]);
    }

    fn rename(&mut self, from: &str, to: &str) {
        let inode = self.found(from);
        let ((old, old_name), (new, new_name)) = (self.place(from), self.place(to));
        let (removed, added) = ((old_name.to_owned(), None), (new_name.to_owned(), inode));
        if old == new {
            self.change_names(old, vec![removed, added]);
        } else {
            self.change_names(new, vec![added]);
            self.change_names(old, vec![removed]);
        }
    }

    /// Where the directory `real` differs from what the record made of it: the record is incomplete.
    pub fn difference(&self, real: &Path) -> Option<String> {
        self.difference_of(ROOT, real)
    }

    fn difference_of(&self, inode: Inode, real: &Path) -> Option<String> {
        let differs = |what: String| Some(format!("{}: {what}", real.display()));
        match &self.nodes[inode] {
            Node::File(file) => {
                let Ok(bytes) = std::fs::read(real) else { return differs("it is no file".to_owned()) };
                file.seen.difference(&Content::read(&bytes)).and_then(differs)
            }
            Node::Directory(directory) => {
                let Ok(entries) = std::fs::read_dir(real) else { return differs("it is no directory".to_owned()) };
                let mut names: Vec<String> =
                    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
                names.sort();
                let recorded: Vec<&String> = directory.seen.keys().collect();
                if recorded != names.iter().collect::<Vec<_>>() {
                    return differs(format!("recorded {recorded:?}, found {names:?}"));
                }
                directory.seen.iter().find_map(|(name, inode)| self.difference_of(*inode, &real.join(name)))
            }
        }
    }

    /// Makes in `target` what a stop of the machine leaves of the directory; returns what happened to unsynced changes.
    pub fn stop(&self, target: &Path, dice: &mut Dice) -> String {
        let fates = Fates::pick(self.step, dice);
        self.left(ROOT, target, &fates, dice);
        format!("{fates:?}")
    }

    fn left(&self, inode: Inode, target: &Path, fates: &Fates, dice: &mut Dice) {
        let node = &self.nodes[inode];
        let fate = |steps: Vec<usize>, dice: &mut Dice| match fates {
            Fates::InOrder(last) => Fate::First(steps.partition_point(|step| step < last)),
            Fates::Same(fate) => *fate,
            Fates::Each => Fate::pick(node.unsynced(), dice),
        };
        match node {
            Node::File(file) => {
                let fate = fate(file.unsynced.iter().map(|unsynced| unsynced.step).collect(), dice);
                let changes: Vec<Change> = file.unsynced.iter().map(|unsynced| unsynced.change.clone()).collect();
                file.kept.after_stop(&changes, fate, dice).write(target);
            }
            Node::Directory(directory) => {
                let fate = fate(directory.unsynced.iter().map(|unsynced| unsynced.step).collect(), dice);
                let mut names = directory.kept.clone();
                for (at, unsynced) in directory.unsynced.iter().enumerate() {
                    if fate.keeps_name(at, dice) {
                        apply_names(&mut names, &unsynced.change);
                    }
                }
                DirBuilder::new().mode(0o700).create(target).unwrap();
                for (name, inode) in names {
                    self.left(inode, &target.join(name), fates, dice);
                }
            }
        }
    }
}

/// What happens to the unsynced changes of all files and directories.
#[derive(Debug)]
enum Fates {
    /// All changes up to a step are on the disk, and none after it.
    InOrder(usize),
    Same(Fate),
    Each,
}

impl Fates {
    fn pick(steps: usize, dice: &mut Dice) -> Self {
        match dice.below(5) {
            0 => Self::InOrder(steps.saturating_sub(dice.below(200))),
            1 | 2 => match Fate::pick(0, dice) {
                Fate::First(_) => Self::Same(Fate::None),
                fate => Self::Same(fate),
            },
            _ => Self::Each,
        }
    }
}
