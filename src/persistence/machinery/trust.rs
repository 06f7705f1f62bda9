//! What an opening says: what it found and did, or why it refused.

use std::{io, path::PathBuf};

use super::{
    Lsn,
    engine::EngineError,
    format::FormatError,
    journal::{JournalProblem, recover::Cut},
    snapshot::SnapshotError,
    trees::OldTrees,
};

/// Why a directory was not opened. Nothing was removed from it, and no commit was added or taken away.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error(
        "{dir} is in use by another process{}; stop that one, or name another directory in store.path",
        pid.map_or(String::new(), |pid| format!(" ({pid})"))
    )]
    Locked {
        /// The directory.
        dir: String,
        /// The process, if it is known.
        pid: Option<u32>,
    },
    /// There is something else in its place.
    #[error("{} is not a directory; name one in store.path", .0.display())]
    NoDirectory(PathBuf),
    /// `store.json` cannot be followed.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The directory holds parts of a store, and no `store.json`.
    #[error(
        "store.json is missing beside {found}; put back a copy of it, or restore a snapshot into another directory"
    )]
    NoFormat {
        /// What is there.
        found: String,
    },
    /// The keys do not fit the store, in the words of the sealing.
    #[error("{0}")]
    Seal(String),
    /// The journal is damaged, or lacks something.
    #[error(
        "{0}. Nothing was changed. Put back a copy of the file, or restore the last snapshot into another directory \
         (`majordomo snapshot restore FILE DIR`), which loses the commits after it"
    )]
    Journal(#[from] JournalProblem),
    /// The tree holds commits that the journal does not know.
    #[error("the tree holds commit {tree}, the journal ends at commit {journal}: a part of the journal was lost")]
    TreeAhead {
        /// The last commit in the tree.
        tree: Lsn,
        /// The last commit in the journal.
        journal: Lsn,
    },
    /// The tree has to be built again, and there is nothing to build it from.
    #[error("the tree cannot be trusted ({reason}), and there is nothing to build it from: {found}")]
    NothingToRebuild {
        /// Why it cannot be trusted.
        reason: DistrustReason,
        /// What is there, and what it would bring back.
        found: String,
    },
    /// A snapshot that had been read before could not be read again.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The engine failed on a new tree.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The disk failed.
    #[error("{dir} (store.path): {step}: {source}{}", remedy(source))]
    Io {
        /// The directory.
        dir: String,
        /// What was being done.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// What the operator can do, where that is known.
fn remedy(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; the user of this process must be able to write there"
        }
        _ => "",
    }
}

/// Why a tree was not trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DistrustReason {
    /// The store is new, or was laid down from a snapshot.
    #[error("there is none yet")]
    New,
    /// The checkpoint is damaged.
    #[error("the checkpoint is damaged")]
    CheckpointDamaged,
    /// Another engine held the tree.
    #[error("the engine was changed")]
    OtherEngine,
    /// The machine stopped while the store was open.
    #[error("the machine stopped while the store was open")]
    MachineStopped,
    /// The engine keeps nothing.
    #[error("the engine keeps nothing on disk")]
    InMemory,
    /// Its directory is not there.
    #[error("its directory is missing")]
    Missing,
    /// It holds nothing.
    #[error("it is empty")]
    Empty,
    /// It holds less than its checkpoint promises.
    #[error("it ends at commit {applied}, its checkpoint at commit {checkpoint}")]
    Behind {
        /// The last commit in the tree.
        applied: Lsn,
        /// The last commit of the checkpoint.
        checkpoint: Lsn,
    },
    /// The engine could not open it.
    #[error("it does not open: {0}")]
    DoesNotOpen(String),
}

/// What became of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeState {
    /// It was trusted.
    Trusted,
    /// It was built again.
    Rebuilt {
        /// Why.
        reason: DistrustReason,
        /// The snapshot that was begun with; with none the whole journal was.
        snapshot: Option<Lsn>,
        /// Keys that came from the snapshot.
        keys: u64,
    },
}

/// What was found and done when a directory was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Whether the store was made just now.
    pub created: bool,
    /// What became of the tree.
    pub tree: TreeState,
    /// Commits of the journal that were applied.
    pub replayed: u64,
    /// Where the journal was cut, if its end was torn.
    pub cut: Option<Cut>,
    /// The last commit.
    pub last: Lsn,
}

impl DistrustReason {
    /// Whether a tree is given up for this reason without anything having gone wrong with it.
    pub(super) fn is_expected(&self) -> bool {
        match self {
            Self::New | Self::OtherEngine | Self::MachineStopped | Self::InMemory => true,
            Self::Missing | Self::CheckpointDamaged | Self::Empty | Self::Behind { .. } | Self::DoesNotOpen(_) => false,
        }
    }

    /// What becomes of a tree that is given up for this reason.
    pub(super) fn others(&self) -> OldTrees {
        match self {
            Self::New | Self::OtherEngine | Self::MachineStopped | Self::InMemory | Self::Missing => OldTrees::Remove,
            Self::CheckpointDamaged | Self::Empty | Self::Behind { .. } | Self::DoesNotOpen(_) => OldTrees::SetAside,
        }
    }
}
