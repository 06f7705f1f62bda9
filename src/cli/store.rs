//! `majordomo store ...`

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    CliFailure, CliSettings, Terminal, compact::StoreCompact, offline, record_form::RecordForm, watched_fs::watched,
};
use crate::{
    app::{AppError, storage},
    config::{Config, EngineChoice},
    persistence::{
        assembly::CATALOG,
        check::{self, CheckFault, CheckScope, Checked},
        content,
        engine::EngineView,
        format::{Format, Seal},
        keyring::Keyring,
        opening::OpenFault,
        settings::{StoreEnvironment, StoreSettings},
        snapshot::{SnapshotError, Summary},
    },
};

#[derive(Debug, Subcommand)]
pub(super) enum StoreCommand {
    /// Verify a store that no server has open, or a backup: every segment, every snapshot, the tree and the newer
    /// snapshots against the oldest one and the journal, every record, index and log; changes nothing
    Check(StoreCheck),
    /// Rebuild the tree of the store without its unused space, with the server running or stopped
    Compact(StoreCompact),
}

/// The form of the result.
#[derive(Debug, Args)]
pub(super) struct StoreCheck {
    /// A copy of a store's directory, or the file of a snapshot, instead of the store of the settings; it may be
    /// read-only
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,
    #[command(flatten)]
    form: RecordForm,
}

impl StoreCommand {
    pub(super) fn run(&self, settings: &CliSettings, terminal: &Terminal) -> Result<(), CliFailure> {
        let config = settings.read(terminal)?.config;
        match self {
            Self::Check(StoreCheck { path, form }) => Check { config: &config, terminal }.run(path.as_deref(), *form),
            Self::Compact(compact) => compact.run(&config, terminal),
        }
    }
}

/// A check of a store or of a backup.
struct Check<'a> {
    config: &'a Config,
    terminal: &'a Terminal,
}

impl Check<'_> {
    fn run(&self, path: Option<&Path>, form: RecordForm) -> Result<(), CliFailure> {
        let Self { config, terminal } = self;
        if config.store.engine == EngineChoice::Mem {
            return Err(CliFailure::Usage(
                "store.engine = \"mem\" keeps nothing that could be checked; set it to \"sled\" or \"redb\"".to_owned(),
            ));
        }
        let ring = offline::ring_at(&config.key_ring_file())?;
        let environment = StoreEnvironment { ring, ..storage::environment() };
        let settings = storage::settings(config, &environment);
        let line = Arc::new(terminal.progress("checking", environment.clock.clone()));
        let scope = CheckScope {
            catalog: &CATALOG,
            step: &|step| line.show(step),
            content: |format: &Format, view: &dyn EngineView| understood(config, &environment, format, view),
        };
        let watched = watched(&environment, &line);
        match path {
            Some(file) if file.is_file() => {
                let summary = check::check_snapshot(file, &settings, &watched, scope);
                drop(line);
                let summary = summary.map_err(|fault| failed(file, fault))?;
                let Summary { exact, pairs, bytes, .. } = summary;
                let record = json!({ "snapshot": file.display().to_string(), "keys": pairs, "lastCommit": exact.0 });
                let text = format_args!(
                    "{} is good: a snapshot of {bytes} bytes, {pairs} keys, exact at commit {exact}\n",
                    file.display()
                );
                form.print(terminal, &record, text)
            }
            _ => {
                offline::announce_wait(&settings, &environment, terminal);
                let settings = StoreSettings { dir: path.map_or(settings.dir.clone(), Path::to_owned), ..settings };
                let checked = check::check(&settings, &watched, scope);
                drop(line);
                let checked = checked.map_err(|fault| failed(&settings.dir, fault))?;
                self.report(&checked, &settings.dir, form)
            }
        }
    }

    fn report(&self, checked: &Checked, dir: &Path, form: RecordForm) -> Result<(), CliFailure> {
        let Checked { segments, snapshots, last, keys, cut, rebuild } = checked;
        if let Some(cut) = cut {
            let consequence = "the next start cuts there, nothing acknowledged is lost";
            self.terminal.note(format_args!("note: {}: {}; {consequence}", cut.place, cut.reason));
        }
        if let Some(reason) = rebuild {
            self.terminal.note(format_args!("note: the next start rebuilds the tree: {reason}"));
        }
        let record = json!({ "segments": segments, "snapshots": snapshots, "keys": keys, "lastCommit": last.0 });
        let text = format_args!(
            "{} is good: {segments} segments, {snapshots} snapshots, {keys} keys, last commit {last}\n",
            dir.display()
        );
        form.print(self.terminal, &record, text)
    }
}

/// The way to a store without the fault. Nothing is removed before a copy of the directory exists.
const RESTORE: &str = "copy the directory, then restore the last snapshot into another one (`majordomo snapshot \
                       restore FILE DIR`)";

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
        CheckFault::Snapshot(SnapshotError::NoKey { .. }) => {
            "name the key ring that it was taken under (`--set secrets.key_ring_file=FILE`)"
        }
        CheckFault::Snapshot(_) | CheckFault::Heads(_) => RESTORE,
        // The fault says that the next start builds another one.
        CheckFault::Tree(_) => "start the server",
        CheckFault::Differs { ref what, .. } if what.starts_with("snapshots/") => {
            "move that snapshot away; the store and its other snapshots are not concerned"
        }
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
