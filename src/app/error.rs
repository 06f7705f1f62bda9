//! Why the process does not start, or does not run to its end.

use std::{net::SocketAddr, path::PathBuf};

use crate::{supervision::Escape, types::Fault};

/// Each is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address} ({key}): {reason}")]
    Listen {
        key: &'static str,
        address: SocketAddr,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The store cannot be opened.
    #[error("{0}")]
    Store(String),
    /// A file of keys or credentials cannot be read or written.
    #[error("cannot use {}: {reason}", path.display())]
    File { path: PathBuf, reason: String },
    /// A setting cannot be carried out.
    #[error("{0}")]
    Setting(String),
    /// A step of the start failed.
    #[error("the start failed at {step}: {fault}")]
    Start { step: &'static str, fault: Fault },
    /// A part without which the process must not go on gave up.
    #[error("{path} gave up: {reason}")]
    Escaped {
        /// Where in the tree.
        path: String,
        reason: String,
    },
}

impl From<Escape> for AppError {
    fn from(Escape { path, reason }: Escape) -> Self {
        Self::Escaped { path, reason }
    }
}
