//! The lock on a data directory. It ends with the process, however that ends; the process number in the file is
//! information for operators.
//!
//! It is on the directory itself and on the file `lock` in it. The directory's keeps other processes out when the file
//! is removed; the file's keeps out those of versions that lock the file alone.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    fs::{Fs, Held, LockPlace},
    layout::Layout,
    opening_watch::OpeningWatch,
    trust::OpenError,
};
use crate::telemetry::starting::StartPhase;

/// The interval at which a waiting start tries again.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The result of taking the lock.
pub enum Lock {
    /// This process holds the directory until this is dropped.
    Ours(DirectoryLock),
    /// Another process held it for the whole wait; its number, if it could be read.
    Theirs(Option<u32>),
}

/// The lock of this process on a data directory.
pub struct DirectoryLock {
    dir: Box<dyn Held>,
    file: Mutex<Box<dyn Held>>,
}

/// What an inspection of the lock found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockFound {
    /// It keeps other processes out.
    Good,
    /// The file was removed or replaced, and is made and locked again. No other process was let in meanwhile.
    Remade,
    /// The file was removed or replaced, and cannot be made again for this reason. The directory is still locked.
    Weak(String),
    /// Another process can enter the directory, or has: this one must end.
    Lost(String),
}

impl DirectoryLock {
    /// Takes the lock if no other process has it.
    fn try_take(fs: &dyn Fs, layout: &Layout) -> std::io::Result<Option<Self>> {
        let Some(dir) = fs.try_lock_dir(&layout.root)? else { return Ok(None) };
        Ok(fs.try_lock(&layout.lock())?.map(|file| Self { dir, file: Mutex::new(file) }))
    }

    /// Compares path, inode and links of directory and file with what is locked.
    pub(super) fn inspect(&self, fs: &dyn Fs, layout: &Layout) -> LockFound {
        match self.dir.place() {
            Ok(LockPlace::Same) => {}
            Ok(LockPlace::Missing) => return LockFound::Lost("the data directory was moved or removed".to_owned()),
            Ok(LockPlace::Replaced) => {
                return LockFound::Lost("another directory is in the place of the data directory".to_owned());
            }
            Err(error) => return LockFound::Weak(format!("the data directory cannot be looked at: {error}")),
        }
        let mut file = self.file();
        match file.place() {
            Ok(LockPlace::Same) => return LockFound::Good,
            Ok(LockPlace::Missing | LockPlace::Replaced) => {}
            Err(error) => return LockFound::Weak(format!("the file lock cannot be looked at: {error}")),
        }
        match fs.try_lock(&layout.lock()) {
            Ok(Some(again)) => {
                *file = again;
                note_process(fs, layout);
                LockFound::Remade
            }
            Ok(None) => LockFound::Lost("another process holds a new file lock in the data directory".to_owned()),
            Err(error) => LockFound::Weak(format!("the file lock is missing and cannot be made again: {error}")),
        }
    }

    fn file(&self) -> MutexGuard<'_, Box<dyn Held>> {
        // It is replaced as a whole: a panic leaves the one or the other.
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the lock, waiting up to `wait` for another process to release it. `watch` reports the wait and can end it.
#[expect(clippy::disallowed_methods, reason = "runs on the opening's own thread, and no event reports a release")]
pub fn take(fs: &dyn Fs, layout: &Layout, wait: Duration, watch: &OpeningWatch) -> Result<Lock, OpenError> {
    let failed = |source| OpenError::Io { dir: layout.root.display().to_string(), step: "taking the lock", source };
    // Counted, not timed: a paused clock in a test must not keep a start waiting forever.
    let most = wait.as_millis() / LOOK_EVERY.as_millis();
    let mut looks = most;
    loop {
        if let Some(held) = DirectoryLock::try_take(fs, layout).map_err(failed)? {
            note_process(fs, layout);
            watch.report(StartPhase::Opening);
            return Ok(Lock::Ours(held));
        }
        if looks == 0 {
            return Ok(Lock::Theirs(holder(fs, layout)));
        }
        watch.check()?;
        if looks == most {
            let pid = holder(fs, layout);
            watch.report(StartPhase::Locked { pid });
            let process = pid.map_or("another process".to_owned(), |pid| format!("process {pid}"));
            let dir = layout.root.display();
            tracing::warn!("{dir} is in use by {process}; waiting up to {wait:?} (store.lock_wait)");
        }
        looks -= 1;
        std::thread::sleep(LOOK_EVERY);
    }
}

/// The number of the process that holds the lock, if it can be read.
fn holder(fs: &dyn Fs, layout: &Layout) -> Option<u32> {
    let content = super::files::read(fs, &layout.lock()).ok().flatten()?;
    std::str::from_utf8(&content).ok()?.trim().parse().ok()
}

/// Writes the number of this process into the file. A failure is ignored, since the number is information only.
fn note_process(fs: &dyn Fs, layout: &Layout) {
    if let Ok(mut file) = fs.open(&layout.lock()) {
        let text = format!("{}\n", std::process::id());
        let _ = file.truncate(0).and_then(|()| file.write_at(text.as_bytes(), 0));
    }
}
