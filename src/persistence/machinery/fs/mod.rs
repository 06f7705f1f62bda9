//! The seam to the disk, for everything but the engines' own files.
//!
//! Owns: what the journal, checkpoints, snapshots and `store.json` may ask of a disk; the real one, and one in memory
//! that forgets what was not synced. Must not know: what is in the files. Begin with `Fs`, then `sim.rs`.

mod inode;
pub mod real;
pub mod sim;

use std::{fmt, io, path::Path};

pub use real::RealFs;
pub use sim::SimFs;

/// An open file.
pub trait File: Send + fmt::Debug {
    /// Reads at `offset` until `buffer` is full or the file ends; gives how many bytes were read.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all of `bytes` at `offset`.
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Reserves room so that the file has at least `length` bytes, zeros where nothing was written.
    fn allocate(&mut self, length: u64) -> io::Result<()>;
    /// Cuts the file to `length`.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    /// Bytes in the file.
    fn length(&self) -> io::Result<u64>;
    /// Returns when the content, and what is needed to read it, is on the disk (`fdatasync`).
    fn sync(&mut self) -> io::Result<()>;
}

/// Keeps something held until it is dropped.
pub trait Held: Send + Sync {}

/// A disk.
pub trait Fs: Send + Sync {
    /// Opens a file that exists, for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Makes a file anew, empty; one of that name is replaced.
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Gives `from` the name `to`; a file of that name is replaced. Durable after `sync_dir`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file. Durable after `sync_dir`.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes a directory and those above it; fine if it is there.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// The names in a directory, sorted; none if it does not exist.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    /// Returns when the names in a directory are on the disk.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Bytes that are free on the disk that holds `path`.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;
    /// Holds the file at `path` alone; none if another process holds it.
    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn Held>>>;
}
