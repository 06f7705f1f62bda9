//! Snapshots: a copy of the store in one file that is sufficient to restore the store.
//!
//! Owns: the file format, writing a file while the store runs, reading it, restoring a store from it. Must not know:
//! when a snapshot is due (`upkeep.rs`), what the keys mean. Begin with `write.rs`.
//!
//! ```text
//!   "MJSN" | version u16 | form u8 | 0 u8 | length u32 | crc32c u32 | file head | block*
//!   file head  JSON: the store's identifier, the commit S, and what is needed to find the key (`cover.rs`)
//!   block:  kind u8 | length u32 | crc32c u32 | payload         each checksum continues the one before it
//!
//!   form 1, sealed: a payload is sealed, with the file head, the block's number and kind as associated data
//!   form 0, plain: made by `snapshot create --plain` alone, and read by commands that an operator gives a file
//!
//!   The blocks, opened:
//!   head    JSON: store.json, the commit S that was applied when the walk began, when that was
//!   pairs   key length u16 | key | value length u32 | value ...  the walk over the tree, while writing went on
//!   frames  length u32 | frame ...                               commits S+1 to E, as in the journal
//!   end     E u64 | pairs u64 | frames u64 | time i64
//! ```
//!
//! The walk sees some keys before and others after a commit between S and E. The frames write every such key again, so
//! pairs and then frames give exactly the state at E.

pub(super) mod cover;
pub mod read;
pub mod restore;
pub mod write;

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

pub use cover::{SnapshotDisk, SnapshotForm};

use super::{
    Lsn,
    engine::EngineError,
    format::{Format, FormatError},
    fs::Fs,
    journal::JournalProblem,
};
use crate::types::Timestamp;

const MAGIC: [u8; 4] = *b"MJSN";
const VERSION: u16 = 2;
/// Number of bytes before the file head.
const PREFIX: usize = 16;
/// The largest possible file head.
const FILE_HEAD_MAX: usize = 1 << 10;
/// Number of bytes of a block before its payload.
const BLOCK_HEAD: usize = 9;
/// Bytes of a block's payload after which another is begun; one frame may exceed it.
const BLOCK: usize = 1 << 20;
/// The suffix of the file's name.
const SUFFIX: &str = ".snap";

const HEAD: u8 = 1;
const PAIRS: u8 = 2;
const FRAMES: u8 = 3;
const END: u8 = 4;

/// The first block of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// `store.json` at the time of the walk.
    pub format: Format,
    /// The commit that was applied when the walk began.
    pub from: u64,
    /// When the walk began.
    pub taken: Timestamp,
}

/// A summary of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub head: Head,
    /// The commit of its state.
    pub exact: Lsn,
    /// The time of its last commit, or of one shortly after it.
    pub time: Timestamp,
    /// Number of copied keys.
    pub pairs: u64,
    /// Bytes of these keys and their values.
    pub live_bytes: u64,
    /// Number of commits during the walk.
    pub frames: u64,
    /// Bytes of the file.
    pub bytes: u64,
    pub form: SnapshotForm,
}

/// Why a snapshot could not be taken or used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The file is not a complete, valid snapshot.
    #[error("{}: damaged at byte {offset}: {reason}", file.display())]
    Damaged {
        /// The path of the file.
        file: PathBuf,
        /// The offset in the file.
        offset: u64,
        reason: &'static str,
    },
    /// It is sealed, and the key is not there.
    #[error(
        "{} is sealed under the key ring {ring}, {}", file.display(),
        found.as_ref().map_or("and the key ring is missing".to_owned(), |found| {
            format!("and the key ring that is there ({found}) has no such key")
        })
    )]
    NoKey {
        /// The path of the file.
        file: PathBuf,
        /// The fingerprint of the key that it is sealed under.
        ring: String,
        /// The fingerprint of the key ring that was found.
        found: Option<String>,
    },
    /// It is not sealed, where only a sealed one is trusted.
    #[error(
        "{} is not sealed, so anyone may have written it; only `majordomo snapshot restore` takes it",
        file.display()
    )]
    Plain {
        /// The path of the file.
        file: PathBuf,
    },
    /// There is no key ring to seal it under.
    #[error("there is no key ring to seal it under")]
    NoRing,
    /// The store in it has a format that this program does not have, or that cannot be read.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The disk failed.
    #[error("snapshot: {step}: {source}")]
    Io {
        /// The step that failed.
        step: &'static str,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The tree could not be read.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] JournalProblem),
    /// The directory to restore into is not empty.
    #[error("{} is not empty ({found}); a snapshot is restored into a directory of its own", dir.display())]
    NotEmpty {
        /// The path of the directory.
        dir: PathBuf,
        /// One name that is in it.
        found: String,
    },
    /// Rows of the tree are missing or do not fit each other.
    #[error("the tree does not fit together: {0}")]
    Inconsistent(String),
    /// The store is being closed.
    #[error("the store is being closed")]
    Closing,
}

/// The step that fails when the file cannot be created at its path.
const MAKING: &str = "making the file";

impl SnapshotError {
    /// What is wrong with the path of the file, if no file can be created there.
    pub fn place(&self) -> Option<&'static str> {
        let Self::Io { step: MAKING, source } = self else { return None };
        match source.kind() {
            io::ErrorKind::NotFound => Some("its directory is not there"),
            io::ErrorKind::NotADirectory => Some("a part of its path is not a directory"),
            io::ErrorKind::IsADirectory => Some("a directory is in its way"),
            io::ErrorKind::PermissionDenied => Some("the server may not write there"),
            io::ErrorKind::ReadOnlyFilesystem => Some("its file system is read-only"),
            io::ErrorKind::InvalidFilename => Some("the file system does not accept its name"),
            _ => None,
        }
    }

    pub(super) fn io(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { step, source }
    }
}

/// The checksum of a block, continuing that of the block before it.
fn chain(before: u32, kind: u8, payload: &[u8]) -> u32 {
    let crc = crc32c::crc32c_append(before, &[kind]);
    crc32c::crc32c_append(crc, payload)
}

/// The file name of the snapshot that is exact at `lsn`.
pub fn file_name(lsn: Lsn) -> String {
    format!("{:020}{SUFFIX}", lsn.0)
}

/// The snapshots in `dir`, by the commit they are exact at, first to last.
pub fn list(fs: &dyn Fs, dir: &Path) -> io::Result<Vec<Lsn>> {
    let number = |name: &String| name.strip_suffix(SUFFIX).filter(|digits| digits.len() == 20)?.parse().ok().map(Lsn);
    let mut found: Vec<_> = fs.list(dir)?.iter().filter_map(number).collect();
    found.sort();
    Ok(found)
}
