//! The ballast: a file of reserved space in the data directory, which is given up first when the disk is full. Then
//! the store can write what ends access or frees space, be closed, and be opened again.
//!
//! Owns: the file `ballast`. Must not know: what needs the space. Begin with `Ballast::relieve`.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{
    fs::{File, Fs},
    layout::Layout,
};
use crate::types::limits;

/// The ballast of a data directory.
pub(super) struct Ballast {
    fs: Arc<dyn Fs>,
    layout: Layout,
    bytes: u64,
    is_there: AtomicBool,
}

impl Ballast {
    /// The ballast of the directory, which is to have `bytes`. Changes nothing.
    pub(super) fn of(fs: &Arc<dyn Fs>, layout: &Layout, bytes: u64) -> Self {
        let is_there = fs.open_to_read(&layout.ballast()).is_ok();
        Self { fs: Arc::clone(fs), layout: layout.clone(), bytes, is_there: AtomicBool::new(is_there) }
    }

    /// Removes the file; returns whether that freed space.
    pub(super) fn give_up(&self) -> bool {
        if !self.is_there.swap(false, Ordering::AcqRel) {
            return false;
        }
        let freed = self.fs.remove(&self.layout.ballast()).and_then(|()| self.fs.sync_dir(&self.layout.root));
        match &freed {
            Ok(()) => tracing::error!(dir = %self.layout.root.display(), "the disk is full; the ballast is given up"),
            Err(error) => tracing::error!(%error, "the disk is full, and the ballast cannot be given up"),
        }
        freed.is_ok()
    }

    /// Gives the file up if hardly any space is free.
    pub(super) fn give_up_if_needed(&self) {
        let is_needed = || self.fs.free_bytes(&self.layout.root).is_ok_and(|free| free < limits::BALLAST_UNDER);
        if self.is_there.load(Ordering::Acquire) && is_needed() {
            self.give_up();
        }
    }

    /// Gives the file up if a start could lack space.
    pub(super) fn give_up_for_start(&self) {
        if self.fs.free_bytes(&self.layout.root).is_ok_and(|free| free < limits::START_ROOM) {
            self.give_up();
        }
    }

    /// Runs `work`, and once more without the ballast if the disk is full.
    pub(super) fn relieve<T, E>(
        &self,
        is_full: impl Fn(&E) -> bool,
        mut work: impl FnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        match work() {
            Err(error) if is_full(&error) && self.give_up() => work(),
            done => done,
        }
    }

    /// Makes the file if it is missing or has another size, and enough space stays free beside it.
    pub(super) fn make_if_room(&self) -> io::Result<()> {
        let path = self.layout.ballast();
        let present = match self.fs.open_to_read(&path) {
            Ok(file) => Some(file.length()?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if present == Some(self.bytes) {
            self.is_there.store(true, Ordering::Release);
            return Ok(());
        }
        if present.is_some() {
            self.is_there.store(false, Ordering::Release);
            self.fs.remove(&path)?;
            self.fs.sync_dir(&self.layout.root)?;
        }
        if self.bytes == 0 || self.fs.free_bytes(&self.layout.root)? < self.bytes.saturating_add(limits::DISK_FULL) {
            return Ok(());
        }
        let unfinished = self.layout.root.join("ballast.new");
        let made = self.fs.create(&unfinished).and_then(|mut file| {
            fill(&mut *file, self.bytes)?;
            file.sync()?;
            self.fs.rename(&unfinished, &path)?;
            self.fs.sync_dir(&self.layout.root)
        });
        match &made {
            Ok(()) => self.is_there.store(true, Ordering::Release),
            // Frees its space; if that fails too, the next start removes it.
            Err(_) => drop(self.fs.remove(&unfinished)),
        }
        made
    }
}

/// Gives the file `bytes` that take space on the disk. Where space cannot be reserved it is written, with bytes that
/// cannot be compressed.
fn fill(file: &mut dyn File, bytes: u64) -> io::Result<()> {
    const PIECE: usize = 1 << 20;
    file.allocate(bytes)?;
    if file.taken_bytes()? >= bytes {
        return Ok(());
    }
    let (mut at, mut state) = (0, 0x9e37_79b9_7f4a_7c15_u64);
    while at < bytes {
        let mut piece = Vec::with_capacity(PIECE);
        while piece.len() < PIECE {
            // Xorshift: it need not be secret, only without a pattern.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            piece.extend_from_slice(&state.to_le_bytes());
        }
        let left = usize::try_from(bytes - at).unwrap_or(PIECE).min(PIECE);
        file.write_at(&piece[..left], at)?;
        at += left as u64;
    }
    Ok(())
}
