//! The trait of the disk, for everything except the engines' own files.
//!
//! Owns: the disk operations of the journal, checkpoints, snapshots and `store.json`, and the real disk. Must not know:
//! the content of the files. Begin with `Fs`. The disk of the tests, which loses what was not synced, is
//! `tests/store/sim_fs.rs`.

pub mod read_only;
pub mod real;

use std::{fmt, io, path::Path};

use rustix::io::Errno;

pub use read_only::ReadOnlyFs;
pub use real::{RealFs, make_private};

/// Whether an operation failed because the process, or the machine, has no free file descriptor: it changed nothing,
/// and succeeds later.
pub fn lacks_descriptors(error: &io::Error) -> bool {
    let missing = [Errno::MFILE, Errno::NFILE].map(Errno::raw_os_error);
    error.raw_os_error().is_some_and(|code| missing.contains(&code))
}

/// Whether an operation failed because the disk is full, or the quota of the process's user is used up.
pub fn is_full(error: &io::Error) -> bool {
    let full = [Errno::NOSPC, Errno::DQUOT].map(Errno::raw_os_error);
    error.raw_os_error().is_some_and(|code| full.contains(&code))
        || matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// An open file.
pub trait File: Send + fmt::Debug {
    /// Reads at `offset` until `buffer` is full or the file ends; returns the number of bytes read.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all of `bytes` at `offset`.
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Reserves space so that the file has at least `length` bytes, zeros where nothing was written.
    fn allocate(&mut self, length: u64) -> io::Result<()>;
    /// Cuts the file to `length`.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    /// The length of the file in bytes.
    fn length(&self) -> io::Result<u64>;
    /// Returns when the content, and the metadata needed to read it, is on the disk (`fdatasync`).
    fn sync(&mut self) -> io::Result<()>;
    /// Number of bytes that the file takes on the disk.
    fn taken_bytes(&self) -> io::Result<u64>;
    /// Whether `path` names this file.
    fn is_at(&self, path: &Path) -> io::Result<bool>;
}

/// The place of a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockPlace {
    /// Its path names the file or directory that is locked.
    Same,
    /// Nothing has its path: another process would make a new file there, and lock that one.
    Missing,
    /// Another file or directory has its path.
    Replaced,
}

/// A lock that is held until this is dropped.
pub trait Held: Send + Sync {
    /// Whether the lock still is where another process would look for it.
    fn place(&self) -> io::Result<LockPlace>;
}

/// A disk.
pub trait Fs: Send + Sync {
    /// Opens an existing file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Opens an existing file for reading.
    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.open(path)
    }
    /// Creates an empty file; an existing file of that name is replaced.
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Renames `from` to `to`; an existing file of that name is replaced. Durable after `sync_dir`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file. Durable after `sync_dir`.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Creates a directory and its parents, each durably, with rights for this user alone. One that exists loses the
    /// rights of others.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// The names in a directory, sorted; empty if it does not exist.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    /// Returns when the names in the directory are on the disk.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Number of free bytes on the disk that holds `path`.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;
    /// Locks the file at `path` exclusively; `None` if another process holds it.
    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn Held>>>;
    /// As `try_lock`, without writing: a file that does not exist is not created, and nothing is locked then.
    fn try_lock_to_read(&self, path: &Path) -> io::Result<Option<Box<dyn Held>>> {
        self.try_lock(path)
    }
    /// Locks the directory at `path` itself exclusively; `None` if another process holds it.
    fn try_lock_dir(&self, path: &Path) -> io::Result<Option<Box<dyn Held>>>;
    /// The number of the device that is mounted at `path`: another one after another disk was mounted there.
    fn device(&self, path: &Path) -> io::Result<u64>;
}
