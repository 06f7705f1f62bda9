//! `majordomo snapshot ...`

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};

use super::{CliFailure, CliSettings, Terminal, client, offline::Offline};
use crate::app::storage;
use crate::persistence::{KeyLoss, snapshot};

/// The longest time in which the running server writes a snapshot.
const TIMEOUT: Duration = Duration::from_mins(30);

#[derive(Debug, Subcommand)]
pub(super) enum SnapshotCommand {
    /// Write a snapshot of the store to a file, with the server running or stopped
    Create(Create),
    /// Create a store from a snapshot in a new directory; it starts with outbound sending paused
    Restore(Restore),
}

/// The target of the snapshot.
#[derive(Debug, Args)]
pub(super) struct Create {
    /// The file to write; it must not exist
    file: PathBuf,
}

/// The snapshot and the target.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The snapshot
    file: PathBuf,
    /// The directory of the new store; it must be empty except for keys, or not exist
    directory: PathBuf,
}

impl SnapshotCommand {
    pub(super) fn run(&self, settings: &CliSettings, terminal: &Terminal) -> Result<(), CliFailure> {
        match self {
            Self::Create(create) => create.run(settings, terminal),
            Self::Restore(restore) => restore.run(settings, terminal),
        }
    }
}

impl Create {
    fn run(&self, settings: &CliSettings, terminal: &Terminal) -> Result<(), CliFailure> {
        let config = settings.read(terminal)?.config;
        // The server may have another working directory.
        let file = std::path::absolute(&self.file).map_err(|error| CliFailure::fault(self.file.display(), error))?;
        if file.exists() {
            return Err(CliFailure::Fault(format!("{} is there already", self.file.display())));
        }
        let body = serde_json::json!({ "file": file });
        if let Some(answer) = client::ask_running(&config, "/snapshots", &body, TIMEOUT)? {
            let bytes = answer.get("bytes").and_then(serde_json::Value::as_u64).unwrap_or_default();
            return terminal.print(format_args!("{} is written ({bytes} bytes)\n", self.file.display()));
        }
        let store = Offline::open(&config, KeyLoss::Refuse, terminal)?;
        let taken = store.store().upkeep().map(|upkeep| upkeep.take_to(&file));
        store.close();
        match taken {
            Some(Ok(summary)) => terminal.print(format_args!(
                "{} is written (commit {}, {} keys, {} bytes)\n",
                self.file.display(),
                summary.exact,
                summary.pairs,
                summary.bytes
            )),
            Some(Err(error)) => Err(CliFailure::fault(self.file.display(), error)),
            None => Err(CliFailure::Fault("a store in memory has no snapshots".to_owned())),
        }
    }
}

impl Restore {
    fn run(&self, settings: &CliSettings, terminal: &Terminal) -> Result<(), CliFailure> {
        let mut config = settings.read(terminal)?.config;
        config.store.path.clone_from(&self.directory);
        let environment = storage::environment();
        let summary = snapshot::restore::restore(&self.file, &storage::settings(&config, &environment), &environment)
            .map_err(|error| CliFailure::Fault(error.to_string()))?;
        terminal.print(format_args!(
            "{} holds the store as of {} (commit {}, {} keys); set store.path to it, and put the key ring back\n",
            self.directory.display(),
            summary.time,
            summary.exact,
            summary.pairs,
        ))
    }
}
