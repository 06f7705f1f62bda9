//! The result of an opening: what was found and done, or why it was refused.

use std::{io, path::PathBuf};

use super::{
    Lsn,
    engine::EngineError,
    format::FormatError,
    fs::is_full,
    journal::{JournalProblem, recover::Cut},
    rebuild::RebuildError,
    snapshot::SnapshotError,
    trees::OldTrees,
};

/// Why a directory was not opened. Nothing was removed from it, and no commit was added or removed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process holds it.
    #[error(
        "{dir} is in use by another process{}; stop that one, or name another directory in store.path",
        pid.map_or(String::new(), |pid| format!(" ({pid})"))
    )]
    Locked {
        dir: String,
        /// The number of the process, if it is known.
        pid: Option<u32>,
    },
    /// A stop of the program was requested. The next opening begins again.
    #[error("the opening was stopped")]
    Stopped,
    /// Its path is not a directory.
    #[error("{} is not a directory; name one in store.path", .0.display())]
    NoDirectory(PathBuf),
    /// `store.json` cannot be used.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The directory holds parts of a store, and no `store.json`.
    #[error(
        "store.json is missing beside {found}; put back a copy of it, or restore a snapshot into another directory"
    )]
    NoFormat {
        /// One name that is there.
        found: String,
    },
    /// The keys do not fit the store; the text is the sealing's.
    #[error("{0}")]
    Seal(String),
    /// The journal is damaged or incomplete.
    #[error(
        "{0}. Nothing was changed. Put back a copy of the file, or restore the last snapshot into another directory \
         (`majordomo snapshot restore FILE DIR`), which loses the commits after it"
    )]
    Journal(#[from] JournalProblem),
    /// The tree holds commits that the journal does not have.
    #[error("the tree holds commit {tree}, the journal ends at commit {journal}: a part of the journal was lost")]
    TreeAhead {
        /// The last commit in the tree.
        tree: Lsn,
        /// The last commit in the journal.
        journal: Lsn,
    },
    /// The tree has to be rebuilt, and there is no source for it.
    #[error("the tree cannot be trusted ({reason}), and there is nothing to build it from: {found}")]
    NothingToRebuild {
        /// Why it cannot be trusted.
        reason: DistrustReason,
        /// What is there, and what it could restore.
        found: String,
    },
    /// A snapshot that was verified could not be read again.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The engine failed on a tree that was just built in place of another one.
    #[error(
        "the tree cannot be used ({reason}), and the one that was built in its place fails as well: {source}. Check the \
         disk; another engine can be tried with store.engine"
    )]
    RebuiltFails {
        /// Why the tree before it was replaced.
        reason: DistrustReason,
        source: EngineError,
    },
    /// The disk is full, also without the ballast.
    #[error(
        "{dir} (store.path): the disk is full: {step}. A start needs about {needed_mib} MiB of free space there, and \
         {free_mib} MiB are free: free space on that volume, or enlarge it"
    )]
    NoRoom {
        dir: String,
        /// An estimate of the free space that a start needs.
        needed_mib: u64,
        free_mib: u64,
        /// The error, with the step that found no space.
        step: String,
    },
    /// The disk failed.
    #[error("{dir} (store.path): {step}: {source}{}", remedy(source))]
    Io {
        dir: String,
        /// The step that failed.
        step: &'static str,
        /// The error of the operating system.
        source: io::Error,
    },
}

impl OpenError {
    /// Whether the disk was full.
    pub(super) fn is_full(&self) -> bool {
        match self {
            Self::Io { source, .. } | Self::Snapshot(SnapshotError::Io { source, .. }) => is_full(source),
            Self::Engine(source) | Self::RebuiltFails { source, .. } => source.is_full(),
            Self::Format(FormatError::Io(source)) => is_full(source),
            _ => false,
        }
    }
}

impl From<RebuildError> for OpenError {
    fn from(error: RebuildError) -> Self {
        match error {
            RebuildError::Snapshot(error) => Self::Snapshot(error),
            RebuildError::Journal(error) => Self::Journal(error),
            RebuildError::Engine(error) => Self::Engine(error),
            RebuildError::NoOrigin(found) => Self::NothingToRebuild { reason: DistrustReason::New, found },
            RebuildError::Stopped => Self::Stopped,
        }
    }
}

/// The fix that the operator can apply, if one is known.
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
    /// The store is new, or was restored from a snapshot.
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
    /// The directory is on another device than before: a disk was removed or mounted again, which may have lost what
    /// was not synced.
    #[error("its directory is on another device than while it was open")]
    OtherDevice,
    /// The engine stores nothing on disk.
    #[error("the engine keeps nothing on disk")]
    InMemory,
    /// Its directory is missing.
    #[error("its directory is missing")]
    Missing,
    /// It is empty.
    #[error("it is empty")]
    Empty,
    /// It ends before its checkpoint.
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
    /// It opened, and could not be used.
    #[error("it cannot be used: {0}")]
    Fails(String),
    /// It failed while the store was open.
    #[error("it failed while the store was open: {0}")]
    Marked(String),
    /// An earlier start set it aside, and built no other one to its end.
    #[error("an earlier start set it aside")]
    SetAside,
}

/// The outcome for the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeState {
    /// It was trusted.
    Trusted,
    /// It was rebuilt.
    Rebuilt {
        reason: DistrustReason,
        /// The snapshot it was built from; `None`: it was built from the whole journal.
        snapshot: Option<Lsn>,
        /// Number of keys from the snapshot.
        keys: u64,
    },
}

/// What was found and done during an opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Whether the store was created by this opening.
    pub created: bool,
    /// The outcome for the tree.
    pub tree: TreeState,
    /// Number of replayed commits.
    pub replayed: u64,
    /// Where the journal was cut, if its end was torn.
    pub cut: Option<Cut>,
    /// The number of the last commit.
    pub last: Lsn,
}

impl DistrustReason {
    /// Whether a tree is replaced for this reason although nothing is wrong.
    pub(super) fn is_expected(&self) -> bool {
        match self {
            Self::New | Self::OtherEngine | Self::MachineStopped | Self::OtherDevice | Self::InMemory => true,
            Self::Missing
            | Self::SetAside
            | Self::CheckpointDamaged
            | Self::Empty
            | Self::Behind { .. }
            | Self::DoesNotOpen(_)
            | Self::Fails(_)
            | Self::Marked(_) => false,
        }
    }

    /// What happens to a tree that is replaced for this reason.
    pub(super) fn others(&self) -> OldTrees {
        match self {
            Self::New
            | Self::OtherEngine
            | Self::MachineStopped
            | Self::OtherDevice
            | Self::InMemory
            | Self::Missing
            | Self::SetAside => OldTrees::Remove,
            Self::CheckpointDamaged
            | Self::Empty
            | Self::Behind { .. }
            | Self::DoesNotOpen(_)
            | Self::Fails(_)
            | Self::Marked(_) => OldTrees::SetAside,
        }
    }
}
