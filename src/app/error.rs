//! Why the process does not start, or stops with an error.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use crate::{
    persistence::{format::FormatError, keyring::RingFault, opening::OpenFault, trust::OpenError},
    supervision::Escape,
    types::Fault,
};

/// The errors of a start and a run. Each is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The process cannot listen on an address.
    #[error(
        "cannot listen on {address} ({key}): {reason}; stop the process that has it, or set {key} to another address"
    )]
    Listen {
        key: &'static str,
        address: SocketAddr,
        /// The error of the system.
        reason: std::io::Error,
    },
    /// The store cannot be opened.
    #[error("{0}")]
    Store(String),
    /// A file of keys or credentials cannot be read or written.
    #[error("cannot use {}: {reason}; it must be writable for the user of this process", path.display())]
    File { path: PathBuf, reason: String },
    /// A setting cannot be applied.
    #[error("{0}")]
    Setting(String),
    /// A step of the start failed.
    #[error("the start failed at {step}: {fault}; run `majordomo store check`, and see the log")]
    Start { step: &'static str, fault: Fault },
    /// An actor that the process needs has escaped.
    #[error("{path} escaped: {reason}; start the program again, and keep its log")]
    Escaped {
        /// The path of the actor in the tree.
        path: String,
        reason: String,
    },
}

impl AppError {
    /// The error of a store in `dir` that was not opened, with what the operator does next.
    pub fn of_opening(dir: &Path, fault: &OpenFault) -> Self {
        const RESTORE: &str =
            "restore the last snapshot into another directory (`majordomo snapshot restore FILE DIR`)";
        let (place, fix) = match fault {
            OpenFault::Directory(
                OpenError::Locked { .. }
                | OpenError::NoRoom { .. }
                | OpenError::NoDirectory(_)
                | OpenError::Stopped
                | OpenError::RebuiltFails { .. }
                | OpenError::NoFormat { .. }
                | OpenError::Seal(_)
                | OpenError::Journal(_)
                | OpenError::Format(FormatError::Newer { .. } | FormatError::Older { .. } | FormatError::Damaged(_)),
            )
            | OpenFault::Ring(RingFault::Open { .. }) => return Self::Store(fault.to_string()),
            OpenFault::Directory(OpenError::Io { .. }) => return Self::Store(format!("{fault}; {DISK}")),
            OpenFault::Directory(OpenError::Format(FormatError::Io(_))) | OpenFault::Base(_) => (true, DISK),
            OpenFault::Directory(
                OpenError::TreeAhead { .. }
                | OpenError::NothingToRebuild { .. }
                | OpenError::Snapshot(_)
                | OpenError::Engine(_),
            ) => (true, RESTORE),
            OpenFault::Ring(RingFault::Io { .. } | RingFault::Form { .. }) => {
                (false, "put the key ring of this store there, readable for the user of the server")
            }
            OpenFault::Content(_) => (true, "run `majordomo store check`, which names the record"),
            OpenFault::Thread(_) => (true, "raise the limit of processes (`ulimit -u`)"),
        };
        Self::Store(if place {
            format!("{} (store.path): {fault}; {fix}", dir.display())
        } else {
            format!("{fault}; {fix}")
        })
    }
}

const DISK: &str = "check the disk, its free space, and that the user of the server may write there";

impl From<Escape> for AppError {
    fn from(Escape { path, reason }: Escape) -> Self {
        Self::Escaped { path, reason }
    }
}
