//! `majordomo snapshot ...`

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::{Args, Subcommand};

use super::{
    CliFailure, CliSettings, Terminal, client,
    offline::Offline,
    ownership::{self, NewOwner},
    watched_fs::watched,
};
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
        let file = std::path::absolute(&self.file)
            .map_err(|error| CliFailure::fault(self.file.display(), error, "name a file by its absolute path"))?;
        let place = file.display();
        if file.exists() {
            return Err(CliFailure::Fault(format!("{place} is there already; name another file")));
        }
        let body = serde_json::json!({ "file": file });
        let answer = client::ask_running(&config, "/snapshots", &body, TIMEOUT);
        let answer = answer.map_err(|failure| of_server(&failure, &config.store.path))?;
        if let Some(answer) = answer {
            let bytes = answer.get("bytes").and_then(serde_json::Value::as_u64).unwrap_or_default();
            return terminal
                .print(format_args!("{place} is written by the server ({bytes} bytes); {}\n", owner(&file)));
        }
        let store = Offline::open(&config, KeyLoss::Refuse, terminal)?;
        let taken = store.store().upkeep().map(|upkeep| upkeep.take_to(&file));
        store.close();
        match taken {
            Some(Ok(summary)) => terminal.print(format_args!(
                "{place} is written (commit {}, {} keys, {} bytes); {}\n",
                summary.exact,
                summary.pairs,
                summary.bytes,
                owner(&file)
            )),
            Some(Err(error)) => {
                Err(CliFailure::fault(place, error, "name a file in a directory that you can write, with free space"))
            }
            None => Err(CliFailure::Fault(
                "a store in memory has no snapshots; set store.engine to \"sled\" or \"redb\"".to_owned(),
            )),
        }
    }
}

/// The failure of a server that was asked for a snapshot: it writes the file itself, with the rights of its user.
fn of_server(failure: &CliFailure, store: &Path) -> CliFailure {
    let beside = std::path::absolute(store).unwrap_or_else(|_| store.to_owned()).with_file_name("copy.snapshot");
    let fix = "the server writes the file with the rights of its user; name one that it can create, such as";
    CliFailure::Fault(format!("{}; {fix} {}", failure.line(), beside.display()))
}

/// The owner of a new file, in words. A server in a container, or with a directory for temporary files of its own,
/// writes a file that this process does not see.
fn owner(file: &Path) -> String {
    match std::fs::metadata(file) {
        Ok(about) => format!("it belongs to user {}, mode {:04o}", about.uid(), about.mode() & 0o7777),
        Err(_) => "the file is in the server's own file system (a container, or PrivateTmp of systemd)".to_owned(),
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
        let place = std::path::absolute(&self.directory).unwrap_or_else(|_| self.directory.clone());
        let given = ownership::hand_over_new(&self.directory);
        terminal.print(format_args!(
            "{} holds the store as of {} (commit {}, {} keys); set store.path to it, and put the key ring back. Its \
             sending is paused until `majordomo notify resume`\n",
            place.display(),
            summary.time,
            summary.exact,
            summary.pairs,
        ))?;
        match given {
            Ok(NewOwner::Unchanged) => {}
            Ok(NewOwner::Given(user)) => {
                terminal.note(format_args!("note: {} belongs to user {user}, as its parent does", place.display()));
            }
            Ok(NewOwner::Root) => terminal.note(format_args!(
                "note: {0} belongs to root; if the server runs as another user: chown -R USER {0}",
                place.display()
            )),
            Err(error) => terminal.note(format_args!(
                "warning: {0} could not be given to the owner of its parent ({error}); run: chown -R USER {0}",
                place.display()
            )),
        }
        Ok(())
    }

    /// The failure with the file it concerns and what to do.
    fn failed(&self, error: &SnapshotError) -> CliFailure {
        let (file, directory) = (self.file.display(), self.directory.display());
        CliFailure::Fault(match error {
            SnapshotError::Io { .. } => {
                format!("{file} is not restored to {directory}: {error}; name files that you can read and write")
            }
            SnapshotError::Damaged { .. } => format!("{error}; restore another snapshot"),
            SnapshotError::NotEmpty { .. } => format!("{error}; name another one"),
            SnapshotError::Format(_)
            | SnapshotError::Engine(_)
            | SnapshotError::Journal(_)
            | SnapshotError::Inconsistent(_)
            | SnapshotError::Closing => format!("{file}: {error}; restore another snapshot"),
        })
    }
}
