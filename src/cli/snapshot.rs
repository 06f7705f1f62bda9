//! `majordomo snapshot ...`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Failure, Settings, Terminal, storage};
use crate::persistence::snapshot;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a store of a snapshot, in a directory of its own; it starts with outbound sending paused
    Restore(Restore),
}

/// What, and where to.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The snapshot
    file: PathBuf,
    /// The directory of the new store: empty but for keys, or not there yet
    directory: PathBuf,
}

impl Command {
    pub(super) fn run(&self, settings: &Settings, terminal: &Terminal) -> Result<(), Failure> {
        match self {
            Self::Restore(restore) => restore.run(settings, terminal),
        }
    }
}

impl Restore {
    fn run(&self, settings: &Settings, terminal: &Terminal) -> Result<(), Failure> {
        let mut config = settings.read(terminal)?.config;
        config.store.path.clone_from(&self.directory);
        let seams = storage::seams();
        let summary = snapshot::restore::restore(&self.file, &storage::settings(&config, &seams), &seams)
            .map_err(|error| Failure::Fault(error.to_string()))?;
        terminal.print(format_args!(
            "{} holds the store as of {} (commit {}, {} keys); set store.path to it, and put the key ring back\n",
            self.directory.display(),
            summary.time,
            summary.exact.0,
            summary.pairs,
        ))
    }
}
