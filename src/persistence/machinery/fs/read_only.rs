//! A disk that is only read.

use std::{io, path::Path, sync::Arc};

use super::{File, Fs, Held};

/// Another disk, on which nothing is changed: files are opened for reading, and every other operation fails with
/// `ReadOnlyFilesystem`.
pub struct ReadOnlyFs(pub Arc<dyn Fs>);

fn refused<T>() -> io::Result<T> {
    Err(io::ErrorKind::ReadOnlyFilesystem.into())
}

impl Fs for ReadOnlyFs {
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.0.open_to_read(path)
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.0.open_to_read(path)
    }

    fn create(&self, _: &Path) -> io::Result<Box<dyn File>> {
        refused()
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        refused()
    }

    fn remove(&self, _: &Path) -> io::Result<()> {
        refused()
    }

    fn create_dir(&self, _: &Path) -> io::Result<()> {
        refused()
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.0.list(path)
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        refused()
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        self.0.free_bytes(path)
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn Held>>> {
        self.0.try_lock_to_read(path)
    }

    fn try_lock_dir(&self, path: &Path) -> io::Result<Option<Box<dyn Held>>> {
        self.0.try_lock_dir(path)
    }

    fn device(&self, path: &Path) -> io::Result<u64> {
        self.0.device(path)
    }
}
