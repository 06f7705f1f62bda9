//! From the settings to a running house and back: open, run, drain.
//!
//! Sockets are bound before the store is opened, so that a port that is taken changes nothing, and served after it.

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures::FutureExt;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    actors::{
        auth::{DoorKeys, prepare_keys},
        edge::Server,
        hasher::{Bounds, HasherPool},
        notifier::Channels,
    },
    config::{Config, Mode},
    crypto::{
        device_token::DeviceKey,
        identifier::IdentifierKey,
        password::{PasswordCost, PasswordHasher, Pepper},
    },
    http::{self, ControlToken, Listener, Patience, Seams, Services},
    persistence::{OpenStore, Store, Write},
    supervision::{
        ManualClock, OsEntropy, Shutdown, Supervisor, System, SystemClock, Tree,
        tree::{self, House, Parts},
    },
    types::{CallContext, Clock, Entropy, Fault, Secret, Timestamp, Work, limits},
};

/// The file that holds the operator's credential of this run.
pub const CONTROL_TOKEN: &str = "control.token";

/// Why the house does not open, or did not run to its end. Each is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address} ({key}): {reason}")]
    Listen {
        /// The setting.
        key: &'static str,
        /// Its value.
        address: SocketAddr,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The store cannot be opened.
    #[error("{0}")]
    Store(String),
    /// A file of keys or credentials cannot be read or written.
    #[error("cannot use {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A setting cannot be carried out.
    #[error("{0}")]
    Setting(String),
    /// A step of the start failed.
    #[error("the start failed at {step}: {fault}")]
    Start {
        /// Which.
        step: &'static str,
        /// Why.
        fault: Fault,
    },
    /// A part without which the process must not go on gave up.
    #[error("{path} gave up: {reason}")]
    Escaped {
        /// Where in the tree.
        path: String,
        /// Why.
        reason: String,
    },
}
