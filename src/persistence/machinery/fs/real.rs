//! The disk of this machine.

use std::{
    fs::{DirBuilder, File as StdFile, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, FileExt, MetadataExt as _, OpenOptionsExt, PermissionsExt as _},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FallocateFlags, FlockOperation, OFlags},
    io::Errno,
};

use super::{File, Fs, Held, LockPlace};
use crate::persistence::machinery::files;

/// The disk of this machine. Files are readable by their owner only (mode 0600), directories too (mode 0700). A
/// symbolic link in the place of a file is not followed: another user may have put it there.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealFs;

#[derive(Debug)]
struct RealFile(StdFile);

struct RealLock {
    // The lock belongs to the open file and is released with its last descriptor.
    file: StdFile,
    path: PathBuf,
}

impl Held for RealLock {
    fn place(&self) -> io::Result<LockPlace> {
        Ok(match named(&self.file, &self.path)? {
            Some(true) => LockPlace::Same,
            Some(false) => LockPlace::Replaced,
            None => LockPlace::Missing,
        })
    }
}

/// Whether `path` names `file`; `None` if it names nothing. A file without any name is not the one at a path.
fn named(file: &StdFile, path: &Path) -> io::Result<Option<bool>> {
    let held = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(found) => Ok(Some(held.nlink() > 0 && (held.dev(), held.ino()) == (found.dev(), found.ino()))),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Stands for the lock of a directory without a lock's file: no process has it open.
struct NoLock;

impl Held for NoLock {
    fn place(&self) -> io::Result<LockPlace> {
        Ok(LockPlace::Same)
    }
}

/// Options that do not follow a symbolic link.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).mode(0o600).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    options
}

fn opened(options: &OpenOptions, path: &Path) -> io::Result<StdFile> {
    options
        .open(path)
        .map_err(|error| if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) { is_link(path) } else { error })
}

fn is_link(path: &Path) -> io::Error {
    let words = "is a symbolic link, which is not followed; name the file itself, or remove the link";
    io::Error::new(io::ErrorKind::InvalidInput, format!("{} {words}", path.display()))
}

/// Refuses a symbolic link at `path`.
pub fn refuse_link(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => Err(is_link(path)),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Takes the rights of group and others from the file or directory at `path`, and from everything below it. Refuses a
/// symbolic link.
pub fn make_private(path: &Path) -> io::Result<()> {
    let found = std::fs::symlink_metadata(path)?;
    if found.is_symlink() {
        return Err(is_link(path));
    }
    if found.mode() & 0o077 != 0 {
        std::fs::set_permissions(path, Permissions::from_mode(found.mode() & 0o700))?;
    }
    if found.is_dir() {
        for entry in std::fs::read_dir(path)? {
            match make_private(&entry?.path()) {
                // A file that an engine has just removed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                done => done?,
            }
        }
    }
    Ok(())
}

fn locked(file: StdFile, path: &Path) -> io::Result<Option<Box<dyn Held>>> {
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(Box::new(RealLock { file, path: path.to_owned() }))),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl Drop for RealLock {
    /// Unlocks explicitly: a child that was just forked has a copy of the descriptor until it executes its program.
    fn drop(&mut self) {
        let _ = rustix::fs::flock(&self.file, FlockOperation::Unlock);
    }
}

impl File for RealFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut read = 0;
        while read < buffer.len() {
            match self.0.read_at(&mut buffer[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn allocate(&mut self, length: u64) -> io::Result<()> {
        let present = self.length()?;
        if length <= present {
            return Ok(());
        }
        match rustix::fs::fallocate(&self.0, FallocateFlags::empty(), 0, length) {
            Ok(()) => Ok(()),
            // Some file systems cannot reserve space; then only the length is set.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => self.0.set_len(length),
            Err(error) => Err(error.into()),
        }
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn taken_bytes(&self) -> io::Result<u64> {
        // The unit of this figure is 512 bytes on every file system.
        Ok(self.0.metadata()?.blocks() * 512)
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        Ok(named(&self.0, path)? == Some(true))
    }
}

impl Fs for RealFs {
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(RealFile(opened(options().write(true), path)?)))
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(RealFile(opened(&options(), path)?)))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut options = options();
        options.write(true).create_new(true);
        match opened(&options, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                refuse_link(path)?;
                // What is left of interrupted work. It is not written to: another process may have it open.
                std::fs::remove_file(path)?;
                Ok(Box::new(RealFile(opened(&options, path)?)))
            }
            made => Ok(Box::new(RealFile(made?))),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let missing: Vec<&Path> =
            path.ancestors().take_while(|at| !at.as_os_str().is_empty() && !at.exists()).collect();
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        // The directory of a service manager or a container may be there with rights for others.
        let mode = std::fs::metadata(path)?.mode();
        if mode & 0o077 != 0
            && let Err(error) = std::fs::set_permissions(path, Permissions::from_mode(mode & 0o700))
        {
            tracing::warn!(dir = %path.display(), %error, "others may look into the directory; run: chmod 700");
        }
        // From the highest one down: a name is of no use if its directory's name can be lost.
        missing.into_iter().rev().try_for_each(|made| self.sync_dir(files::parent(made)))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        StdFile::open(path)?.sync_all()
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        let found = rustix::fs::statvfs(path)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn Held>>> {
        locked(opened(options().write(true).create(true).truncate(false), path)?, path)
    }

    fn try_lock_to_read(&self, path: &Path) -> io::Result<Option<Box<dyn Held>>> {
        match opened(&options(), path) {
            Ok(file) => locked(file, path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Some(Box::new(NoLock))),
            Err(error) => Err(error),
        }
    }

    fn try_lock_dir(&self, path: &Path) -> io::Result<Option<Box<dyn Held>>> {
        locked(StdFile::open(path)?, path)
    }

    fn device(&self, path: &Path) -> io::Result<u64> {
        Ok(std::fs::metadata(path)?.dev())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_let_go_although_a_child_still_has_a_copy_of_its_descriptor() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let file = StdFile::create(&path).unwrap();
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
        let _copy = file.try_clone().unwrap();
        drop(RealLock { file, path: path.clone() });
        let taken = RealFs.try_lock(&path).unwrap();
        assert!(taken.is_some());
    }
}
