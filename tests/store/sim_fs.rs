//! A disk in memory with two states: what programs see, and what a stop of the machine would leave.
//!
//! ```text
//!   write, truncate ----> seen ----sync-----> kept           of unsynced data a stop of the machine leaves
//!   create, rename, .. -> names ---sync_dir-> kept names      any sectors, in any order, and a prefix of the renames
//! ```
//!
//! It counts its operations, and fails at the configured ones. A failed sync loses its data, as on Linux: the pages are
//! clean afterwards, and stay readable until the machine stops.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use majordomo::persistence::fs::{File, Fs, Held, LockPlace};
use rustix::io::Errno;

pub use crate::inode::{Chance, SimFailure};
use crate::inode::{Inode, refused};

#[derive(Debug)]
enum NameChange {
    Link(String, u64),
    Unlink(String),
    Rename(String, String),
}

#[derive(Debug, Default)]
struct Directory {
    seen: BTreeMap<String, u64>,
    kept: BTreeMap<String, u64>,
    pending: Vec<NameChange>,
}

fn change_names(names: &mut BTreeMap<String, u64>, change: &NameChange) {
    match change {
        NameChange::Link(name, inode) => {
            names.insert(name.clone(), *inode);
        }
        NameChange::Unlink(name) => {
            names.remove(name);
        }
        NameChange::Rename(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
    }
}

#[derive(Debug, Default)]
struct Disk {
    inodes: BTreeMap<u64, Inode>,
    directories: BTreeMap<PathBuf, Directory>,
    // Files by their inode, directories by 0: a new file of the same name is another lock.
    locked: BTreeSet<(PathBuf, u64)>,
    next_inode: u64,
    // Raised by every end of the process, so that files opened before it cannot be used afterwards.
    generation: u64,
    steps: u64,
    syncs: u64,
    planned: Option<(u64, SimFailure)>,
    stopped: bool,
    // How many more files or directories the process can open; `None`: any number.
    descriptors: Option<u64>,
    free_bytes: Option<u64>,
    // The bytes that all files together can have, and the error of what needs more.
    capacity: Option<(u64, Errno)>,
}

impl Disk {
    fn directory(&mut self, path: &Path) -> (&mut Directory, String) {
        let parent = path.parent().unwrap_or(Path::new("/")).to_owned();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (self.directories.entry(parent).or_default(), name)
    }

    fn inode_of(&self, path: &Path) -> Option<u64> {
        let parent = self.directories.get(path.parent()?)?;
        parent.seen.get(path.file_name()?.to_str()?).copied()
    }

    fn change(&mut self, path: &Path, change: impl FnOnce(String) -> NameChange) {
        let (directory, name) = self.directory(path);
        let change = change(name);
        change_names(&mut directory.seen, &change);
        directory.pending.push(change);
    }

    /// Creates an empty file of that name.
    fn link(&mut self, path: &Path) -> u64 {
        self.next_inode += 1;
        let inode = self.next_inode;
        self.inodes.insert(inode, Inode::default());
        self.change(path, |name| NameChange::Link(name, inode));
        inode
    }

    /// Fails where the process needs a file descriptor and has none left.
    fn open_descriptor(&mut self) -> io::Result<()> {
        match &mut self.descriptors {
            None => Ok(()),
            Some(0) => Err(Errno::MFILE.into()),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }

    /// The bytes of all files that have a name.
    fn used(&self) -> u64 {
        let named = self.directories.values().flat_map(|directory| directory.seen.values());
        named.filter_map(|inode| self.inodes.get(inode)).map(Inode::length).sum()
    }

    /// Fails where a file is to have more bytes than there is space for.
    fn take_space(&self, number: u64, length: u64) -> io::Result<()> {
        let Some((capacity, error)) = self.capacity else { return Ok(()) };
        let present = self.inodes.get(&number).map_or(0, Inode::length);
        let more = length.saturating_sub(present);
        if more > 0 && self.used() + more > capacity { Err(error.into()) } else { Ok(()) }
    }

    /// Counts a step; returns the failure that was configured for it.
    fn step(&mut self) -> Result<(), SimFailure> {
        if self.stopped {
            return Err(SimFailure::Stop);
        }
        self.steps += 1;
        match self.planned {
            Some((step, failure)) if step == self.steps => {
                self.planned = None;
                self.stopped = failure == SimFailure::Stop;
                Err(failure)
            }
            Some(_) | None => Ok(()),
        }
    }

    fn end_process(&mut self) {
        self.generation += 1;
        self.locked.clear();
        self.planned = None;
        self.stopped = false;
    }
}

fn not_found(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("{} is not there", path.display()))
}

/// A disk in memory; clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct SimFs {
    disk: Arc<Mutex<Disk>>,
}

impl SimFs {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of file syncs.
    pub fn syncs(&self) -> u64 {
        self.disk().syncs
    }

    /// The number of changing steps.
    pub fn steps(&self) -> u64 {
        self.disk().steps
    }

    /// Makes the changing step number `step` (counted from the first ever) fail.
    pub fn fail_at(&self, step: u64, failure: SimFailure) {
        self.disk().planned = Some((step, failure));
    }

    /// Whether the machine has stopped at the configured step.
    pub fn has_stopped(&self) -> bool {
        self.disk().stopped
    }

    /// Sets how many more files or directories the process can open; after that it has no file descriptor left, and
    /// what opens one fails and changes nothing. `None`: any number.
    pub fn set_descriptors(&self, left: Option<u64>) {
        self.disk().descriptors = left;
    }

    /// Limits the bytes of all files together; what needs more fails with `error`. `None`: there is no limit.
    pub fn set_capacity(&self, limit: Option<(u64, Errno)>) {
        self.disk().capacity = limit;
    }

    /// The bytes of all files.
    pub fn used(&self) -> u64 {
        self.disk().used()
    }

    /// Whether `path` names a file.
    pub fn has(&self, path: &Path) -> bool {
        self.disk().inode_of(path).is_some()
    }

    /// Another process removes a file, durably. Those who have it open keep it.
    pub fn take_away(&self, path: &Path) {
        let mut disk = self.disk();
        let (directory, name) = disk.directory(path);
        directory.seen.remove(&name).unwrap();
        directory.kept.remove(&name);
        directory.pending.retain(|change| !matches!(change, NameChange::Link(link, _) if *link == name));
    }

    /// Sets the free bytes that the disk reports; writes do not reduce them.
    pub fn set_free_bytes(&self, bytes: u64) {
        self.disk().free_bytes = Some(bytes);
    }

    /// Ends the process that used the disk: everything written can still be read, synced or not.
    pub fn end_process(&self) {
        self.disk().end_process();
    }

    /// Stops the machine: `seed` determines what is left of the unsynced data.
    pub fn stop_machine(&self, seed: u64) {
        let mut disk = self.disk();
        let mut chance = Chance(seed);
        for inode in disk.inodes.values_mut() {
            inode.stop_machine(&mut chance);
        }
        for directory in disk.directories.values_mut() {
            let left = chance.below(directory.pending.len() as u64 + 1) as usize;
            for change in directory.pending.drain(..).take(left) {
                change_names(&mut directory.kept, &change);
            }
            directory.seen = directory.kept.clone();
        }
        disk.end_process();
    }

    /// All files as programs see them, without reserved space.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let disk = self.disk();
        let mut files = BTreeMap::new();
        for (path, directory) in &disk.directories {
            for (name, inode) in &directory.seen {
                if let Some(inode) = disk.inodes.get(inode) {
                    files.insert(path.join(name), inode.seen_bytes().to_vec());
                }
            }
        }
        files
    }

    /// Changes a file's bytes without its users, in both states.
    pub fn damage(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut disk = self.disk();
        let inode = disk.inode_of(path).ok_or_else(|| not_found(path))?;
        match disk.inodes.get_mut(&inode) {
            Some(inode) => {
                inode.damage(change);
                Ok(())
            }
            None => Err(not_found(path)),
        }
    }
}

#[derive(Debug)]
struct SimFile {
    disk: Arc<Mutex<Disk>>,
    inode: u64,
    generation: u64,
}

impl SimFile {
    fn with<T>(&self, work: impl FnOnce(&mut Disk, u64) -> io::Result<T>) -> io::Result<T> {
        let mut disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        if disk.generation != self.generation {
            return Err(io::Error::other("this file was opened by a process that has ended"));
        }
        work(&mut disk, self.inode)
    }
}

fn inode(disk: &mut Disk, number: u64) -> io::Result<&mut Inode> {
    disk.inodes.get_mut(&number).ok_or_else(|| io::Error::other("the file was removed"))
}

impl File for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.with(|disk, number| Ok(inode(disk, number)?.read(buffer, offset)))
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.with(|disk, number| match disk.step() {
            Ok(()) => {
                disk.take_space(number, offset + bytes.len() as u64)?;
                inode(disk, number)?.write(offset, bytes);
                Ok(())
            }
            Err(SimFailure::Full) => {
                inode(disk, number)?.write(offset, &bytes[..bytes.len() / 2]);
                Err(Errno::NOSPC.into())
            }
            Err(SimFailure::Stop) => {
                inode(disk, number)?.write(offset, &bytes[..bytes.len() / 2]);
                Err(refused())
            }
            Err(SimFailure::Error) => Err(refused()),
        })
    }

    fn allocate(&mut self, length: u64) -> io::Result<()> {
        self.with(|disk, number| {
            disk.step().map_err(SimFailure::error)?;
            disk.take_space(number, length)?;
            let inode = inode(disk, number)?;
            if inode.length() < length {
                inode.set_length(length);
            }
            Ok(())
        })
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.with(|disk, number| {
            disk.step().map_err(SimFailure::error)?;
            inode(disk, number)?.set_length(length);
            Ok(())
        })
    }

    fn length(&self) -> io::Result<u64> {
        self.with(|disk, number| Ok(inode(disk, number)?.length()))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.with(|disk, number| match disk.step() {
            Ok(()) => {
                disk.syncs += 1;
                inode(disk, number)?.sync();
                Ok(())
            }
            Err(SimFailure::Error | SimFailure::Full) => {
                inode(disk, number)?.forget_pending();
                Err(refused())
            }
            Err(SimFailure::Stop) => Err(refused()),
        })
    }

    fn taken_bytes(&self) -> io::Result<u64> {
        self.length()
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        self.with(|disk, number| Ok(disk.inode_of(path) == Some(number)))
    }
}

struct SimLock {
    disk: Arc<Mutex<Disk>>,
    path: PathBuf,
    // 0: a directory.
    inode: u64,
    generation: u64,
}

impl Held for SimLock {
    fn place(&self) -> io::Result<LockPlace> {
        let disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match self.inode {
            0 => disk.directories.contains_key(&self.path).then_some(0),
            _ => disk.inode_of(&self.path),
        };
        Ok(match found {
            Some(found) if found == self.inode => LockPlace::Same,
            Some(_) => LockPlace::Replaced,
            None => LockPlace::Missing,
        })
    }
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        if disk.generation == self.generation {
            disk.locked.remove(&(self.path.clone(), self.inode));
        }
    }
}

impl Fs for SimFs {
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut disk = self.disk();
        disk.open_descriptor()?;
        let inode = disk.inode_of(path).ok_or_else(|| not_found(path))?;
        Ok(Box::new(SimFile { disk: Arc::clone(&self.disk), inode, generation: disk.generation }))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut disk = self.disk();
        disk.open_descriptor()?;
        disk.step().map_err(SimFailure::error)?;
        let inode = disk.link(path);
        Ok(Box::new(SimFile { disk: Arc::clone(&self.disk), inode, generation: disk.generation }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        disk.step().map_err(SimFailure::error)?;
        if from.parent() != to.parent() {
            return Err(io::Error::other("the simulated disk renames within one directory only"));
        }
        disk.inode_of(from).ok_or_else(|| not_found(from))?;
        let to = to.file_name().unwrap_or_default().to_string_lossy().into_owned();
        disk.change(from, |from| NameChange::Rename(from, to));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        disk.step().map_err(SimFailure::error)?;
        disk.inode_of(path).ok_or_else(|| not_found(path))?;
        disk.change(path, NameChange::Unlink);
        Ok(())
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        disk.step().map_err(SimFailure::error)?;
        disk.directories.entry(path.to_owned()).or_default();
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut disk = self.disk();
        disk.open_descriptor()?;
        Ok(disk.directories.get(path).map_or_else(Vec::new, |found| found.seen.keys().cloned().collect()))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        disk.open_descriptor()?;
        disk.step().map_err(SimFailure::error)?;
        if let Some(directory) = disk.directories.get_mut(path) {
            for change in directory.pending.drain(..) {
                change_names(&mut directory.kept, &change);
            }
        }
        Ok(())
    }

    fn free_bytes(&self, _path: &Path) -> io::Result<u64> {
        let disk = self.disk();
        let left = disk.capacity.map(|(capacity, _)| capacity.saturating_sub(disk.used()));
        Ok(left.or(disk.free_bytes).unwrap_or(u64::MAX))
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn Held>>> {
        let mut disk = self.disk();
        let inode = disk.inode_of(path).unwrap_or_else(|| disk.link(path));
        Ok(self.locked(&mut disk, path, inode))
    }

    fn try_lock_dir(&self, path: &Path) -> io::Result<Option<Box<dyn Held>>> {
        Ok(self.locked(&mut self.disk(), path, 0))
    }

    fn device(&self, _path: &Path) -> io::Result<u64> {
        Ok(1)
    }
}

impl SimFs {
    fn locked(&self, disk: &mut Disk, path: &Path, inode: u64) -> Option<Box<dyn Held>> {
        // A lock that is dropped takes the disk: none may be made before it is known to be free.
        if !disk.locked.insert((path.to_owned(), inode)) {
            return None;
        }
        let (path, generation) = (path.to_owned(), disk.generation);
        Some(Box::new(SimLock { disk: Arc::clone(&self.disk), path, inode, generation }))
    }
}
