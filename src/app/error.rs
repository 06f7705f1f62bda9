//! Why the process does not start, or stops with an error.

use std::{net::SocketAddr, path::PathBuf};

use crate::{supervision::Escape, types::Fault};

/// The errors of a start and a run. Each is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The process cannot listen on an address.
    #[error("cannot listen on {address} ({key}): {reason}")]
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
    #[error("cannot use {}: {reason}", path.display())]
    File { path: PathBuf, reason: String },
    /// A setting cannot be applied.
    #[error("{0}")]
    Setting(String),
    /// A step of the start failed.
    #[error("the start failed at {step}: {fault}")]
    Start { step: &'static str, fault: Fault },
    /// An actor that the process needs has escaped.
    #[error("{path} escaped: {reason}")]
    Escaped {
        /// The path of the actor in the tree.
        path: String,
        reason: String,
    },
}

impl From<Escape> for AppError {
    fn from(Escape { path, reason }: Escape) -> Self {
        Self::Escaped { path, reason }
    }
}
