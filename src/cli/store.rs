//! `majordomo store ...`

use std::{path::Path, sync::Arc};

use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    CliFailure, CliSettings, Terminal, compact::StoreCompact, offline, record_form::RecordForm, watched_fs::watched,
};
use crate::{
    app::{AppError, storage},
    config::{Config, EngineChoice},
    persistence::{
        check::{self, CheckFault, Checked},
        content,
        engine::EngineView,
        format::{Format, Seal},
        keyring::Keyring,
        opening::OpenFault,
        settings::StoreEnvironment,
        snapshot::SnapshotError,
    },
};

#[derive(Debug, Subcommand)]
pub(super) enum StoreCommand {
    /// Verify a store that no server has open: every segment, every snapshot, the tree against both, every record, the
    /// audit log; changes nothing
    Check(StoreCheck),
    /// Rebuild the tree of the store without its unused space, with the server running or stopped
    Compact(StoreCompact),
}

/// The form of the result.
#[derive(Debug, Args)]
pub(super) struct StoreCheck {
    #[command(flatten)]
    form: RecordForm,
}

impl StoreCommand {
    pub(super) fn run(&self, settings: &CliSettings, terminal: &Terminal) -> Result<(), CliFailure> {
        let config = settings.read(terminal)?.config;
        match self {
            Self::Check(StoreCheck { form }) => check(&config, *form, terminal),
            Self::Compact(compact) => compact.run(&config, terminal),
        }
    }
}

fn check(config: &Config, form: RecordForm, terminal: &Terminal) -> Result<(), CliFailure> {
    if config.store.engine == EngineChoice::Mem {
        return Err(CliFailure::Usage(
            "store.engine = \"mem\" keeps nothing that could be checked; set it to \"sled\" or \"redb\"".to_owned(),
        ));
    }
    let environment = storage::environment();
    let settings = storage::settings(config, &environment);
    offline::announce_wait(&settings, &environment, terminal);
    let line = Arc::new(terminal.progress("checking", environment.clock.clone()));
    let content = |format: &Format, view: &dyn EngineView| {
        line.show("every record and the audit log");
        understood(config, &environment, format, view)
    };
    let checked = check::check(&settings, &watched(&environment, &line), content);
    drop(line);
    let checked = checked.map_err(|fault| failed(&config.store.path, fault))?;
    let Checked { segments, snapshots, last, keys, cut, rebuild } = checked;
    if let Some(cut) = cut {
        let consequence = "the next start cuts there, nothing acknowledged is lost";
        terminal.note(format_args!("note: {}: {}; {consequence}", cut.place, cut.reason));
    }
    if let Some(reason) = rebuild {
        terminal.note(format_args!("note: the next start rebuilds the tree: {reason}"));
    }
    let record = json!({ "segments": segments, "snapshots": snapshots, "keys": keys, "lastCommit": last.0 });
    let text = format_args!(
        "{} is good: {segments} segments, {snapshots} snapshots, {keys} keys, last commit {last}\n",
        config.store.path.display()
    );
    form.print(terminal, &record, text)
}

/// The way to a store without the fault. Nothing is removed before a copy of the directory exists.
const RESTORE: &str = "copy the directory, then restore the last snapshot into another one (`majordomo snapshot restore \
                       FILE DIR`)";

/// The fault with the directory and what to do.
fn failed(dir: &Path, fault: CheckFault) -> CliFailure {
    let place = dir.display();
    let fix = match fault {
        CheckFault::NoStore(_) => return offline::no_store(dir),
        CheckFault::Open(error) => return AppError::of_opening(dir, &OpenFault::Directory(error)).into(),
        // Its text has the fix.
        CheckFault::Content(text) => return CliFailure::Fault(format!("{place}: {text}")),
        CheckFault::Snapshot(SnapshotError::Damaged { .. }) => {
            "move that snapshot away; the store and its other snapshots are not concerned"
        }
        CheckFault::Snapshot(_) => RESTORE,
        // The fault says that the next start builds another one.
        CheckFault::Tree(_) => "start the server",
        CheckFault::Differs { .. } => {
            "move the tree (its directory `tree-...`) away; the next start builds one from snapshot and journal"
        }
        CheckFault::Io { .. } => "check the disk, and run the command as the user of the server, or as root",
    };
    CliFailure::fault(place, fault, fix)
}

/// Whether the key ring of the store opens every value in the tree.
fn understood(
    config: &Config,
    environment: &StoreEnvironment,
    format: &Format,
    view: &dyn EngineView,
) -> Result<(), String> {
    let ring = ring(config, environment, format)?;
    content::verify(view, &ring).map(|_| ()).map_err(|fault| format!("{fault}; {RESTORE}"))
}

fn ring(config: &Config, environment: &StoreEnvironment, format: &Format) -> Result<Keyring, String> {
    if format.seal == Seal::default() {
        // No value is sealed yet.
        return Ok(Keyring::generate(environment.entropy.as_ref(), environment.clock.now()));
    }
    let file = config.key_ring_file();
    let ring = Keyring::load(&file).map_err(|fault| format!("{fault}; put the key ring of this store there"))?;
    let ring = ring.ok_or_else(|| format!("the key ring {} is missing; put it there", file.display()))?;
    let fits = ring.fits(&format.seal);
    fits.map_err(|_| format!("the key ring {} is not the one of this store; put that one there", file.display()))?;
    Ok(ring)
}
