//! The errors of an opened data directory, and which of them end the process.

use std::io;

use super::{
    engine::EngineError,
    fs::{is_full, lacks_descriptors},
    journal::{frame::FrameError, writer::AppendError},
    snapshot::SnapshotError,
};

/// Why an operation of the base failed.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// A commit cannot be written; nothing of its group was written, and the base can continue.
    #[error("{0}")]
    Frame(FrameError),
    /// The disk is full; nothing of the group was written, and the base can continue.
    #[error("the disk is full: {0}")]
    Full(io::Error),
    /// There is no free file descriptor; nothing was changed, and the base can continue.
    #[error("no file descriptor is free: {0}")]
    Descriptors(io::Error),
    /// The disk failed. Waiting callers get `Fault::Unknown`, and the process ends.
    #[error("{step}: {source}")]
    Io {
        /// The step that failed.
        step: &'static str,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The engine failed. Waiting callers get `Fault::Unknown`, and the process ends.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl BaseError {
    /// The error of a step that replaces a small file: the file is the old one or the new one.
    pub(super) fn of_file(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| {
            if lacks_descriptors(&source) {
                Self::Descriptors(source)
            } else if is_full(&source) {
                Self::Full(source)
            } else {
                Self::Io { step, source }
            }
        }
    }

    /// Whether the base cannot be used any more.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Frame(_) | Self::Full(_) | Self::Descriptors(_) => false,
            Self::Io { .. } | Self::Engine(_) => true,
        }
    }
}

impl From<AppendError> for BaseError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Frame(error) => Self::Frame(error),
            AppendError::Full(error) => Self::Full(error),
            AppendError::Descriptors(error) => Self::Descriptors(error),
            AppendError::Io { step, source } => Self::Io { step, source },
        }
    }
}

impl From<SnapshotError> for BaseError {
    fn from(error: SnapshotError) -> Self {
        Self::Io { step: "taking a snapshot", source: io::Error::other(error) }
    }
}
