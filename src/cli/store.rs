//! `majordomo store ...`

use clap::{Args, Subcommand};

use super::{Failure, Settings, Terminal, storage};
use crate::{
    config::{Config, EngineKind},
    persistence::{
        check::{self, CheckFault, Checked},
        content,
        engine::EngineView,
        format::{Format, Seal},
        keyring::Keyring,
        settings::Seams,
        trust::OpenError,
    },
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Verify a store that no server has open: every segment, every snapshot, the tree against both, every record, the
    /// audit trail; changes nothing
    Check(Check),
}

/// Nothing to choose.
#[derive(Debug, Args)]
pub(super) struct Check {}

impl Command {
    pub(super) fn run(&self, settings: &Settings, terminal: &Terminal) -> Result<(), Failure> {
        let config = settings.read(terminal)?.config;
        match self {
            Self::Check(Check {}) => check(&config, terminal),
        }
    }
}

fn check(config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    if config.store.engine == EngineKind::Mem {
        return Err(Failure::Usage("store.engine = \"mem\" keeps nothing that could be checked".to_owned()));
    }
    let seams = storage::seams();
    let settings = storage::settings(config, &seams);
    let checked =
        check::check(&settings, &seams, |format, view| understood(config, &seams, format, view)).map_err(|fault| {
            match fault {
                // These name the directory themselves.
                CheckFault::NoStore(_)
                | CheckFault::Open(OpenError::Locked { .. } | OpenError::NoDirectory(_) | OpenError::Io { .. }) => {
                    Failure::Fault(fault.to_string())
                }
                CheckFault::Open(_)
                | CheckFault::Snapshot(_)
                | CheckFault::Tree(_)
                | CheckFault::Differs { .. }
                | CheckFault::Content(_)
                | CheckFault::Io { .. } => Failure::fault(config.store.path.display(), fault),
            }
        })?;
    let Checked { segments, snapshots, last, keys, cut, rebuild } = checked;
    if let Some(cut) = cut {
        let said = "the next start cuts there, nothing acknowledged is lost";
        terminal.note(format_args!("note: {}: {}; {said}", cut.place, cut.reason));
    }
    if let Some(reason) = rebuild {
        terminal.note(format_args!("note: the next start builds the tree anew: {reason}"));
    }
    terminal.print(format_args!(
        "{} is good: {segments} segments, {snapshots} snapshots, {keys} keys, last commit {last}\n",
        config.store.path.display()
    ))
}

/// Whether everything in the tree can be read with the key ring the store is sealed under.
fn understood(config: &Config, seams: &Seams, format: &Format, view: &dyn EngineView) -> Result<(), String> {
    let ring = ring(config, seams, format)?;
    content::verify(view, &ring).map(|_| ()).map_err(|fault| fault.to_string())
}

fn ring(config: &Config, seams: &Seams, format: &Format) -> Result<Keyring, String> {
    if format.seal == Seal::default() {
        // Nothing is sealed yet.
        return Ok(Keyring::generate(seams.entropy.as_ref(), seams.clock.now()));
    }
    let file = config.key_ring_file();
    let ring = Keyring::load(&file).map_err(|fault| fault.to_string())?;
    let ring = ring.ok_or_else(|| format!("the key ring {} is missing", file.display()))?;
    let fits = ring.fits(&format.seal);
    fits.map_err(|_| format!("the key ring {} is not the one of this store", file.display()))?;
    Ok(ring)
}
