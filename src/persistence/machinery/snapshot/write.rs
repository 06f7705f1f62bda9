//! Taking a snapshot while the store runs.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use super::{
    BLOCK, BLOCK_HEAD, END, FRAMES, HEAD, Head, MAKING, PAIRS, SnapshotDisk, SnapshotError, SnapshotForm, Summary,
    chain, cover::Cover, read,
};
use crate::{
    persistence::machinery::{
        Lsn,
        base::StoreProgress,
        checksum::{self, DamagedValue},
        engine::{ByteScan, Engine, EngineError, Pair},
        fs::File,
        journal::{
            Frame, frame,
            recover::{self, Span},
        },
        scrub::Scrub,
    },
    types::{Entropy, limits},
};

/// The source of a snapshot.
pub struct SnapshotSource<'a> {
    /// The disk of the journal and of the snapshot, and the key ring.
    pub disk: SnapshotDisk<'a>,
    /// Makes the key of the file.
    pub entropy: &'a dyn Entropy,
    /// Whether the file is sealed.
    pub form: SnapshotForm,
    pub engine: &'a dyn Engine,
    /// The progress of the commits.
    pub progress: &'a StoreProgress,
    pub journal: &'a Path,
    /// Set when the store is being closed: then the copy ends with `SnapshotError::Closing`.
    pub closing: &'a AtomicBool,
}

impl SnapshotSource<'_> {
    fn cover(&self, head: &Head) -> Result<Cover, SnapshotError> {
        Cover::new(self.disk, (&head.format.store, head.from), self.form, self.entropy)
    }

    fn check_open(&self) -> Result<(), SnapshotError> {
        if self.closing.load(Ordering::Acquire) { Err(SnapshotError::Closing) } else { Ok(()) }
    }
}

/// Writes a snapshot to `file`, syncs it and reads it back; `scrub` checks the tree beside it. `file` is complete only
/// if this succeeds: callers write under another name and rename. Commits up to `head.from` have to be in the tree.
pub(in crate::persistence::machinery) fn write(
    source: &SnapshotSource<'_>,
    head: &Head,
    file: &Path,
    scrub: Option<Scrub<'_>>,
) -> Result<Summary, SnapshotError> {
    let mut out = Out::create(source.disk, file, source.cover(head)?)?;
    out.block(HEAD, &serde_json::to_vec(head).map_err(|error| SnapshotError::io("its head")(error.into()))?)?;
    let pairs = copy_tree(source, scrub, &mut out)?;
    // Everything the walk saw belongs to a commit that was on disk before it was applied.
    let exact = source.progress.committed();
    let mut time = source.progress.last_time();
    let mut frames = 0;
    let mut payload = Vec::new();
    let span = Span { after: Lsn(head.from), upto: exact };
    recover::replay(source.disk.fs, source.journal, span, |frame| {
        source.check_open()?;
        frames += 1;
        time = frame.time;
        append_frame(&frame, &mut payload)?;
        out.block_if_large(FRAMES, &mut payload)
    })?;
    out.rest(FRAMES, &mut payload)?;
    let mut end = Vec::new();
    end.extend_from_slice(&exact.0.to_le_bytes());
    end.extend_from_slice(&u64::to_le_bytes(pairs));
    end.extend_from_slice(&u64::to_le_bytes(frames));
    end.extend_from_slice(&time.as_micros().to_le_bytes());
    out.block(END, &end)?;
    out.sync()?;
    let disk = match source.form {
        SnapshotForm::Plain => source.disk.plain_too(),
        SnapshotForm::Sealed => source.disk,
    };
    read::read(disk, file, |_| source.check_open())
}

fn append_frame(frame: &Frame, payload: &mut Vec<u8>) -> Result<(), SnapshotError> {
    let start = payload.len();
    payload.extend_from_slice(&[0; 4]);
    frame::encode_body(frame.head(), &frame.batch, payload)
        .map_err(|error| SnapshotError::io("copying a commit")(std::io::Error::other(error)))?;
    let length = (payload.len() - start - 4) as u32;
    payload[start..start + 4].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

fn copy_tree(source: &SnapshotSource<'_>, mut scrub: Option<Scrub<'_>>, out: &mut Out) -> Result<u64, SnapshotError> {
    let mut count = 0;
    let mut payload = Vec::new();
    let mut scan = ByteScan::all(limits::SCAN_MAX);
    loop {
        source.check_open()?;
        let page = source.engine.view()?.scan(&scan)?;
        for pair in &page {
            check(pair)?;
            append_pair(pair, &mut payload);
            out.block_if_large(PAIRS, &mut payload)?;
        }
        if let Some(scrub) = &mut scrub {
            scrub.page(&page)?;
        }
        count += page.len() as u64;
        let full = page.len() == limits::SCAN_MAX;
        match page.into_iter().next_back() {
            Some((last, _)) if full => scan = scan.after(last),
            Some(_) | None => break,
        }
    }
    out.rest(PAIRS, &mut payload)?;
    scrub.map_or(Ok(()), Scrub::end)?;
    Ok(count)
}

/// A damaged value ends the walk, so that no snapshot holds one.
fn check((key, value): &Pair) -> Result<(), EngineError> {
    if checksum::matches(key, value) { Ok(()) } else { Err(DamagedValue { key: key.clone() }.into()) }
}

fn append_pair((key, value): &Pair, payload: &mut Vec<u8>) {
    // Keys and values are within the bounds of a frame, so their lengths fit.
    payload.extend_from_slice(&(key.len() as u16).to_le_bytes());
    payload.extend_from_slice(key);
    payload.extend_from_slice(&(value.len() as u32).to_le_bytes());
    payload.extend_from_slice(value);
}

/// A file that is being written.
pub(super) struct Out {
    file: Box<dyn File>,
    at: u64,
    crc: u32,
    cover: Cover,
}

impl Out {
    pub(super) fn create(disk: SnapshotDisk<'_>, path: &Path, cover: Cover) -> Result<Self, SnapshotError> {
        let mut file = disk.fs.create(path).map_err(SnapshotError::io(MAKING))?;
        file.write_at(cover.opening(), 0).map_err(SnapshotError::io("writing it"))?;
        Ok(Self { file, at: cover.opening().len() as u64, crc: crc32c::crc32c(cover.opening()), cover })
    }

    /// Returns when the file is on the disk.
    pub(super) fn sync(&mut self) -> Result<(), SnapshotError> {
        self.file.sync().map_err(SnapshotError::io("syncing it"))
    }

    pub(super) fn block(&mut self, kind: u8, payload: &[u8]) -> Result<(), SnapshotError> {
        let payload = &*self.cover.close(kind, payload)?;
        self.crc = chain(self.crc, kind, payload);
        let mut head = [0; BLOCK_HEAD];
        head[0] = kind;
        head[1..5].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        head[5..9].copy_from_slice(&self.crc.to_le_bytes());
        let written =
            self.file.write_at(&head, self.at).and_then(|()| self.file.write_at(payload, self.at + BLOCK_HEAD as u64));
        written.map_err(SnapshotError::io("writing it"))?;
        self.at += (BLOCK_HEAD + payload.len()) as u64;
        Ok(())
    }

    fn block_if_large(&mut self, kind: u8, payload: &mut Vec<u8>) -> Result<(), SnapshotError> {
        if payload.len() >= BLOCK { self.rest(kind, payload) } else { Ok(()) }
    }

    fn rest(&mut self, kind: u8, payload: &mut Vec<u8>) -> Result<(), SnapshotError> {
        if !payload.is_empty() {
            self.block(kind, payload)?;
            payload.clear();
        }
        Ok(())
    }
}
