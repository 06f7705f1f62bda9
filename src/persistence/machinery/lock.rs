//! The lock on a data directory. It ends with the process, however that ends; the process number in the file is
//! information for operators.

use std::time::Duration;

use super::{
    fs::{Fs, Held},
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
    Ours(Box<dyn Held>),
    /// Another process held it for the whole wait; its number, if it could be read.
    Theirs(Option<u32>),
}

/// Takes the lock, waiting up to `wait` for another process to release it. `watch` reports the wait and can end it.
#[expect(clippy::disallowed_methods, reason = "runs on the opening's own thread, and no event reports a release")]
pub fn take(fs: &dyn Fs, layout: &Layout, wait: Duration, watch: &OpeningWatch) -> Result<Lock, OpenError> {
    let failed = |source| OpenError::Io { dir: layout.root.display().to_string(), step: "taking the lock", source };
    let path = layout.lock();
    // Counted, not timed: a paused clock in a test must not keep a start waiting forever.
    let most = wait.as_millis() / LOOK_EVERY.as_millis();
    let mut looks = most;
    loop {
        if let Some(held) = fs.try_lock(&path).map_err(failed)? {
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
