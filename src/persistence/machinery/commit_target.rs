//! Where the writer commits: a data directory, or memory.

use std::{sync::Arc, time::Duration};

use super::{
    Batch, Lsn,
    base::{Base, BaseError, Commit},
    checksum,
    engine::{Engine, mem::MemEngine},
    format::{Format, Seal},
    log::{Log, LogHead},
    reader::TxFault,
};
use crate::types::Timestamp;

/// The target of commits.
pub(super) enum CommitTarget {
    /// Journal and tree of a data directory.
    Directory(Box<Base>),
    /// A tree in memory, for tests: a commit is applied, and lost with the process.
    Memory { engine: Arc<dyn Engine>, last: Lsn, time: Timestamp },
}

/// A group that is durable, as far as the target can make it, and not yet applied to the tree.
#[must_use = "a durable group has to be applied before it is answered"]
pub(super) enum DurableCommits {
    Directory(super::base::DurableGroup),
    Memory(Batch, Lsn),
}

impl DurableCommits {
    /// The time of the sync; `None` in memory.
    pub(super) fn synced_in(&self) -> Option<Duration> {
        match self {
            Self::Directory(group) => Some(group.synced_in()),
            Self::Memory(..) => None,
        }
    }
}

impl CommitTarget {
    pub(super) fn memory() -> Self {
        Self::Memory { engine: Arc::new(MemEngine::new()), last: Lsn::ZERO, time: Timestamp::ZERO }
    }

    pub(super) fn engine(&self) -> &Arc<dyn Engine> {
        match self {
            Self::Directory(base) => base.engine(),
            Self::Memory { engine, .. } => engine,
        }
    }

    /// The time of the last commit; later commits are not earlier, unless an operator accepts an earlier time.
    pub(super) fn last_time(&self) -> Timestamp {
        match self {
            Self::Directory(base) => base.last_time(),
            Self::Memory { time, .. } => *time,
        }
    }

    /// One frame for each commit, one sync for all.
    pub(super) fn commit(&mut self, group: Vec<Commit>) -> Result<DurableCommits, BaseError> {
        match self {
            Self::Directory(base) => base.commit(group).map(DurableCommits::Directory),
            Self::Memory { last, time, .. } => {
                let mut all = Batch::default();
                for mut commit in group {
                    *last = last.next();
                    *time = commit.time;
                    checksum::append_all(&mut commit.batch);
                    all.0.extend(commit.batch.0);
                }
                Ok(DurableCommits::Memory(all, *last))
            }
        }
    }

    /// Applies the changes to the tree; returns the number of the last commit.
    pub(super) fn apply(&mut self, group: DurableCommits) -> Result<Lsn, BaseError> {
        match (self, group) {
            (Self::Directory(base), DurableCommits::Directory(group)) => {
                let last = group.last();
                base.apply(group).map(|()| last)
            }
            (Self::Directory(base), DurableCommits::Memory(all, last)) => {
                base.engine().apply(&all, last)?;
                Ok(last)
            }
            (Self::Memory { engine, .. }, DurableCommits::Memory(all, last)) => {
                engine.apply(&all, last)?;
                Ok(last)
            }
            (Self::Memory { last, .. }, DurableCommits::Directory(_)) => Ok(*last),
        }
    }

    pub(super) fn checkpoint_if_due(&mut self) -> Result<bool, BaseError> {
        match self {
            Self::Directory(base) => base.checkpoint_if_due(),
            Self::Memory { .. } => Ok(false),
        }
    }

    /// Fails if the heads of the logs in the tree are not those that checkpoint and journal prove.
    pub(super) fn check_heads(&self, logs: &[&Log], heads: &[LogHead]) -> Result<(), TxFault> {
        let Self::Directory(base) = self else { return Ok(()) };
        match base.heads_difference(logs, heads)? {
            None => Ok(()),
            Some(difference) => Err(TxFault::Engine(difference)),
        }
    }

    /// Notes the heads of the logs after the last applied commit, for the next checkpoint.
    pub(super) fn note_heads(&mut self, logs: &'static [&'static Log], heads: &[LogHead]) {
        match self {
            Self::Directory(base) => base.note_heads(logs, heads),
            Self::Memory { .. } => {}
        }
    }

    /// Records the fingerprint and the check value of the keys.
    pub(super) fn set_seal(&mut self, seal: Seal) -> Result<(), BaseError> {
        match self {
            Self::Directory(base) => base.set_format(Format { seal, ..base.format().clone() }),
            Self::Memory { .. } => Ok(()),
        }
    }

    pub(super) fn close(self) -> Result<(), BaseError> {
        match self {
            Self::Directory(base) => base.close_clean().map(|_| ()),
            Self::Memory { .. } => Ok(()),
        }
    }
}
