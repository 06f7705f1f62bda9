//! `majordomo snapshot ...`

use std::{path::PathBuf, sync::Arc, time::Duration};

use clap::{Args, Subcommand};

use super::{CliFailure, CliSettings, Terminal, client, offline::Offline, watched_fs::watched};
use crate::app::storage;
use crate::persistence::{
    KeyLoss,
    snapshot::{self, SnapshotError},
};

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
            return Err(CliFailure::Fault(format!("{} is there already; name another file", self.file.display())));
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
        let line = Arc::new(terminal.progress("restoring", environment.clock.clone()));
        let settings = storage::settings(&config, &environment);
        let restored = snapshot::restore::restore(&self.file, &settings, &watched(&environment, &line));
        drop(line);
        let summary = restored.map_err(|error| self.failed(&error))?;
        terminal.print(format_args!(
            "{} holds the store as of {} (commit {}, {} keys); set store.path to it, and put the key ring back\n",
            self.directory.display(),
            summary.time,
            summary.exact,
            summary.pairs,
        ))
    }

    /// The failure with the file it concerns and what to do.
    fn failed(&self, error: &SnapshotError) -> CliFailure {
        let (file, directory) = (self.file.display(), self.directory.display());
        CliFailure::Fault(match error {
            SnapshotError::Io { .. } => {
                format!("{file} is not restored to {directory}: {error}; name files that you can read and write")
            }
            SnapshotError::Damaged { .. } => format!("{error}; restore another snapshot"),
            SnapshotError::NotEmpty { .. }
            | SnapshotError::Format(_)
            | SnapshotError::Engine(_)
            | SnapshotError::Journal(_)
            | SnapshotError::Inconsistent(_)
            | SnapshotError::Closing => error.to_string(),
        })
    }
}
