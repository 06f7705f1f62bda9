//! The disk of a long command: it shows which file is read, and how much was read so far.

use std::{
    fmt, io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::terminal::ProgressLine;
use crate::persistence::{
    fs::{File, Fs, Held},
    settings::StoreEnvironment,
};

/// `environment` with a disk whose reads move `line`.
pub(super) fn watched(environment: &StoreEnvironment, line: &Arc<ProgressLine>) -> StoreEnvironment {
    let fs = WatchedFs { disk: environment.fs.clone(), line: line.clone(), read: Arc::default() };
    StoreEnvironment { fs: Arc::new(fs), ..environment.clone() }
}

struct WatchedFs {
    disk: Arc<dyn Fs>,
    line: Arc<ProgressLine>,
    read: Arc<AtomicU64>,
}

struct WatchedFile {
    file: Box<dyn File>,
    name: String,
    line: Arc<ProgressLine>,
    read: Arc<AtomicU64>,
}

impl fmt::Debug for WatchedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.file.fmt(f)
    }
}

impl WatchedFs {
    fn watch(&self, path: &Path, file: Box<dyn File>) -> Box<dyn File> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Box::new(WatchedFile { file, name, line: self.line.clone(), read: self.read.clone() })
    }
}

impl File for WatchedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = self.file.read_at(buffer, offset)?;
        let all = self.read.fetch_add(count as u64, Ordering::Relaxed) + count as u64;
        self.line.show(format_args!("{} MiB read, now {}", all >> 20, self.name));
        Ok(count)
    }
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)
    }
    fn allocate(&mut self, length: u64) -> io::Result<()> {
        self.file.allocate(length)
    }
    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.truncate(length)
    }
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }
    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }
    fn taken_bytes(&self) -> io::Result<u64> {
        self.file.taken_bytes()
    }
    fn is_at(&self, path: &Path) -> io::Result<bool> {
        self.file.is_at(path)
    }
}

impl Fs for WatchedFs {
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(self.watch(path, self.disk.open(path)?))
    }
    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(self.watch(path, self.disk.open_to_read(path)?))
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.disk.create(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.disk.list(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.sync_dir(path)
    }
    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        self.disk.free_bytes(path)
    }
    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn Held>>> {
        self.disk.try_lock(path)
    }
    fn try_lock_to_read(&self, path: &Path) -> io::Result<Option<Box<dyn Held>>> {
        self.disk.try_lock_to_read(path)
    }
    fn try_lock_dir(&self, path: &Path) -> io::Result<Option<Box<dyn Held>>> {
        self.disk.try_lock_dir(path)
    }
    fn device(&self, path: &Path) -> io::Result<u64> {
        self.disk.device(path)
    }
}
