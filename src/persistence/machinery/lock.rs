//! One process holds a data directory. The lock goes with the process, however it ends; the number of the process in
//! the file is for people only.

use std::{io, time::Duration};

use super::{
    fs::{Fs, Held},
    layout::Layout,
};

/// How often a waiting start looks again.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What came of asking for the lock.
pub enum Lock {
    /// The directory is ours until this is dropped.
    Ours(Box<dyn Held>),
    /// Another process has it, and kept it for as long as was waited; its number, if it could be read.
    Theirs(Option<u32>),
}

/// Takes the lock, waiting up to `wait` for another process to let go.
#[expect(clippy::disallowed_methods, reason = "runs before anything is served, and nobody tells when a lock is let go")]
pub fn take(fs: &dyn Fs, layout: &Layout, wait: Duration) -> io::Result<Lock> {
    let path = layout.lock();
    // Counted rather than timed: a clock that stands still in a test must not keep a start waiting for ever.
    let most = wait.as_millis() / LOOK_EVERY.as_millis();
    let mut looks = most;
    loop {
        if let Some(held) = fs.try_lock(&path)? {
            note_process(fs, layout);
            return Ok(Lock::Ours(held));
        }
        if looks == 0 {
            return Ok(Lock::Theirs(holder(fs, layout)));
        }
        if looks == most {
            let process = holder(fs, layout).map_or("another process".to_owned(), |pid| format!("process {pid}"));
            let dir = layout.root.display();
            tracing::warn!("{dir} is in use by {process}; waiting up to {wait:?} (store.lock_wait)");
        }
        looks -= 1;
        std::thread::sleep(LOOK_EVERY);
    }
}

/// The number of the process that has the lock, if it can be read.
fn holder(fs: &dyn Fs, layout: &Layout) -> Option<u32> {
    let content = super::files::read(fs, &layout.lock()).ok().flatten()?;
    std::str::from_utf8(&content).ok()?.trim().parse().ok()
}

/// Writes our number into the file. It is information: a disk that refuses it will refuse what matters soon enough.
fn note_process(fs: &dyn Fs, layout: &Layout) {
    if let Ok(mut file) = fs.open(&layout.lock()) {
        let text = format!("{}\n", std::process::id());
        let _ = file.truncate(0).and_then(|()| file.write_at(text.as_bytes(), 0));
    }
}
