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
    offline::{self, Offline},
    ownership::{self, NewOwner},
    watched_fs::watched,
};
use crate::{
    actors::operations,
    app::storage,
    domain::{audit::AuditRecord, operations::OperationsAction},
    persistence::{
        KeyLoss,
        settings::StoreEnvironment,
        snapshot::{
            SnapshotError, SnapshotForm, Summary,
            restore::{RestoredSessions, restore},
        },
    },
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
    /// Do not seal the file: everyone who reads it reads names, addresses and password hashes, and everyone who writes
    /// it can change them. It is restored without the key ring that the store has now
    #[arg(long)]
    plain: bool,
}

/// The snapshot and the target.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The snapshot
    file: PathBuf,
    /// The directory of the new store; it must be empty except for keys, or not exist
    directory: PathBuf,
    /// Keep the sessions of the snapshot. Without this the first start ends them: some may have been ended since, and
    /// others may have their tokens
    #[arg(long)]
    keep_sessions: bool,
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
        if file.symlink_metadata().is_ok() {
            return Err(CliFailure::Fault(format!("{place} is there already; name another file")));
        }
        if self.plain {
            terminal.note(format_args!(
                "warning: {place} is not sealed: everyone who reads it reads names, addresses and password hashes; keep it \
                 where only you can read and write it, and remove it after use"
            ));
        }
        let body = serde_json::json!({ "file": file, "plain": self.plain });
        let answer = client::ask_running(&config, "/snapshots", &body, TIMEOUT);
        let answer = answer.map_err(|failure| of_server(&failure, &config.store.path))?;
        if let Some(answer) = answer {
            let bytes = answer.get("bytes").and_then(serde_json::Value::as_u64).unwrap_or_default();
            return terminal
                .print(format_args!("{place} is written by the server ({bytes} bytes); {}\n", owner(&file)));
        }
        let store = Offline::open(&config, KeyLoss::Refuse, terminal)?;
        let taken = store.store().upkeep().map(|upkeep| upkeep.take_to(&file, self.form()));
        let noted = match &taken {
            Some(Ok(summary)) => self.note(&store, summary),
            Some(Err(_)) | None => Ok(()),
        };
        store.close();
        noted?;
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

impl Create {
    fn form(&self) -> SnapshotForm {
        if self.plain { SnapshotForm::Plain } else { SnapshotForm::Sealed }
    }

    /// Notes a snapshot that was taken without a server in the audit log.
    fn note(&self, store: &Offline, summary: &Summary) -> Result<(), CliFailure> {
        let detail = operations::snapshot_detail(summary.exact.0, self.form());
        let record = AuditRecord::done(OperationsAction::TakeSnapshot, None).detail(detail);
        let noting = store.store().write(store.write("snapshot create").reclaim(), move |tx| tx.audit(record.clone()));
        store.wait(noting).map_err(|fault| CliFailure::of_store("noting the snapshot", store.dir(), fault))
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
        let beside = config.key_ring_file();
        config.store.path.clone_from(&self.directory);
        // Without a setting, the key ring is in the directory of a store: in that of the new one, or of the old one.
        let key_ring = Some(config.key_ring_file()).filter(|file| file.exists()).unwrap_or(beside);
        let ring = offline::ring_at(&key_ring)?;
        let environment = StoreEnvironment { ring, ..storage::environment() };
        let line = Arc::new(terminal.progress("restoring", environment.clock.clone()));
        let settings = storage::settings(&config, &environment);
        let restored = restore(&self.file, &settings, &watched(&environment, &line), self.sessions());
        drop(line);
        let summary = restored.map_err(|error| self.failed(&error, &key_ring))?;
        if summary.form == SnapshotForm::Plain {
            terminal.note(format_args!(
                "warning: {} was not sealed, so nothing proves that it is unchanged; the copy in the new store is sealed",
                self.file.display()
            ));
        }
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

    fn sessions(&self) -> RestoredSessions {
        if self.keep_sessions { RestoredSessions::Keep } else { RestoredSessions::End }
    }

    /// The failure with the file it concerns and what to do.
    fn failed(&self, error: &SnapshotError, key_ring: &Path) -> CliFailure {
        let (file, directory) = (self.file.display(), self.directory.display());
        CliFailure::Fault(match error {
            SnapshotError::Io { .. } => {
                format!("{file} is not restored to {directory}: {error}; name files that you can read and write")
            }
            SnapshotError::Damaged { .. } => format!("{error}; restore another snapshot"),
            SnapshotError::NoKey { .. } | SnapshotError::NoRing => format!(
                "{file} is not restored: {error}; put the key ring to {}, or name it with --set \
                 secrets.key_ring_file=FILE",
                key_ring.display()
            ),
            SnapshotError::NotEmpty { .. } => format!("{error}; name another one"),
            SnapshotError::Format(_)
            | SnapshotError::Engine(_)
            | SnapshotError::Journal(_)
            | SnapshotError::Inconsistent(_)
            | SnapshotError::Plain { .. }
            | SnapshotError::Closing => format!("{file}: {error}; restore another snapshot"),
        })
    }
}
