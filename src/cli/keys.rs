//! `majordomo keys ...`

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use serde_json::json;

use super::{
    CliFailure, CliSettings, Terminal, client,
    offline::{self, Offline},
    ownership,
    record_form::RecordForm,
    terminal::ProgressLine,
};
use crate::{
    actors::auth,
    app::{AppError, storage},
    config::Config,
    domain::auth::key_rotation::Urgency,
    http::routes::auth::key_rotation::{self, KeyBody},
    persistence::{
        KeyLoss,
        format::{self, Seal},
        keyring::{Keyring, RingFault},
        layout::Layout,
        lock,
        lock::Lock,
        loss,
        opening::OpenFault,
        opening_watch::OpeningWatch,
        upkeep::Upkeep,
    },
    types::limits,
};

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Rotate the signing key of access tokens, with the server running or stopped
    Rotate(Rotate),
    /// Create the key ring before the first start, where the store must not create it itself
    Init(KeysInit),
    /// Reseal all values under a new key of the key ring; the server must be stopped
    RotateRing(RotateRing),
    /// Continue with a new key ring after the loss of the old one
    Recover(Recover),
}

/// The urgency. Without a flag a new key is published now, and signs once other services had time to fetch it.
#[derive(Debug, Args)]
pub(super) struct Rotate {
    /// The new key signs at once, before other services know it; the old key still verifies
    #[arg(long, conflicts_with = "stolen")]
    now: bool,
    /// The new key signs at once and all old keys are removed, which voids every access token
    #[arg(long)]
    stolen: bool,
    #[command(flatten)]
    form: RecordForm,
}

/// No arguments.
#[derive(Debug, Args)]
pub(super) struct RotateRing {}

/// The target.
#[derive(Debug, Args)]
pub(super) struct KeysInit {
    /// The file to write instead of secrets.key_ring_file; it must not exist
    file: Option<PathBuf>,
}

/// The accepted loss.
#[derive(Debug, Args)]
pub(super) struct Recover {
    /// Accept the loss of all sealed values: sessions, live codes, signing keys, personal fields of events
    #[arg(long)]
    accept_loss: bool,
}

impl KeysCommand {
    pub(super) fn run(&self, settings: &CliSettings, terminal: &Terminal) -> Result<(), CliFailure> {
        let config = settings.read(terminal)?.config;
        match self {
            Self::Init(init) => init.run(&config, terminal),
            Self::Rotate(rotate) => rotate.run(&config, terminal),
            Self::RotateRing(RotateRing {}) => rotate_ring(&config, terminal),
            Self::Recover(recover) => recover.run(&config, terminal),
        }
    }
}

impl Rotate {
    fn urgency(&self) -> Urgency {
        if self.stolen {
            Urgency::Stolen
        } else if self.now {
            Urgency::Now
        } else {
            Urgency::Begin
        }
    }

    fn run(&self, config: &Config, terminal: &Terminal) -> Result<(), CliFailure> {
        let urgency = self.urgency();
        let name = key_rotation::URGENCIES.iter().find(|(_, known)| *known == urgency).map(|(name, _)| *name);
        let body = json!({ "urgency": name });
        let keys = match client::ask_running(config, "/keys/rotate", &body, limits::CLIENT_TIMEOUT)? {
            Some(answer) => answer.get("keys").cloned().unwrap_or_default(),
            None => json!(rotate_offline(config, urgency, terminal)?),
        };
        for key in keys.as_array().into_iter().flatten() {
            let text = |name: &str| key.get(name).and_then(serde_json::Value::as_str).unwrap_or("?").to_owned();
            let (kid, algorithm) = (text("kid"), text("algorithm"));
            let line = format!("{kid} {algorithm} {} since {}\n", text("stage"), text("since"));
            self.form.print(terminal, key, line)?;
        }
        Ok(())
    }
}

fn rotate_offline(config: &Config, urgency: Urgency, terminal: &Terminal) -> Result<Vec<KeyBody>, CliFailure> {
    let store = Offline::open(config, KeyLoss::Refuse, terminal)?;
    let write = store.write("keys rotate");
    let rotated = store.wait(auth::rotate_keys(store.store(), write, &config.auth.token, urgency));
    let keys = rotated.map_err(|fault| CliFailure::of_store("rotating the signing keys", store.dir(), fault));
    store.close();
    let keys = keys?;
    Ok(keys.into_iter().map(KeyBody::from).collect())
}

impl KeysInit {
    /// Refuses to write a ring for a store that another ring has sealed.
    fn run(&self, config: &Config, terminal: &Terminal) -> Result<(), CliFailure> {
        let file = self.file.clone().unwrap_or_else(|| config.key_ring_file());
        let place = file.display();
        if file.exists() {
            let fix = "the server uses it as it is, or name another file (`majordomo keys init FILE`)";
            return Err(CliFailure::Fault(format!("{place} is there already; {fix}")));
        }
        let environment = storage::environment();
        let layout = Layout::new(&config.store.path);
        let known = format::read(environment.fs.as_ref(), &layout);
        let known = known.map_err(|error| CliFailure::of_store("store.json", &layout.root, error))?;
        if known.is_some_and(|format| format.seal != Seal::default()) {
            let fix = format!("put its key ring back to {place}, or see `majordomo keys recover --help`");
            let root = layout.root.display();
            return Err(CliFailure::Fault(format!("the store {root} is sealed under another key ring; {fix}")));
        }
        let ring = Keyring::generate(environment.entropy.as_ref(), environment.clock.now());
        ring.save(&file).map_err(|fault| offline::ring_failure(&fault, "name a file that you can write"))?;
        terminal.print(format_args!("{place} is written; keep a copy of it apart from the backups of the store\n"))
    }
}

impl Recover {
    fn run(&self, config: &Config, terminal: &Terminal) -> Result<(), CliFailure> {
        let key_loss = if self.accept_loss { KeyLoss::Accept } else { KeyLoss::Refuse };
        Offline::open(config, key_loss, terminal)?.close();
        terminal.print(format_args!("the store opens with the key ring {}\n", config.key_ring_file().display()))
    }
}

/// Both keys are in the file while values are resealed, so that an interruption loses nothing: the next run continues.
fn rotate_ring(config: &Config, terminal: &Terminal) -> Result<(), CliFailure> {
    let file = config.key_ring_file();
    let unread = |fault: &RingFault| offline::ring_failure(fault, "put the key ring of this store there");
    let unwritten =
        |fault: &RingFault| offline::ring_failure(fault, "make it writable for this user; repeat the command");
    not_in_use(config)?;
    let mut ring = Keyring::load(&file)
        .map_err(|fault| unread(&fault))?
        .ok_or_else(|| CliFailure::Fault(format!("{} is missing; put the key ring there", file.display())))?;
    let environment = storage::environment();
    if ring.len() == 1 {
        // Two keys: an earlier run was interrupted. It is continued with its new key.
        Offline::open(config, KeyLoss::Refuse, terminal)?.close();
        let kept = old_ring(&file, &ring);
        ring.save(&kept).map_err(|fault| unwritten(&fault))?;
        terminal.note(format_args!(
            "note: {} holds the old key, which the copies of snapshots taken until now need; remove it with them",
            kept.display()
        ));
        ring.rotate(environment.entropy.as_ref(), environment.clock.now());
        ring.save(&file).map_err(|fault| unwritten(&fault))?;
    }
    let store = Offline::open(config, KeyLoss::Refuse, terminal)?;
    let line = terminal.progress("resealing", environment.clock.clone());
    let sealed = seal_all_again(&store, &line).and_then(|()| {
        line.show("a snapshot under the new key");
        renew_snapshots(&store)
    });
    drop(line);
    store.close();
    sealed?;
    ring.prune();
    ring.save(&file).map_err(|fault| unwritten(&fault))?;
    // The ring of development is in the store's directory.
    let dir = &config.store.path;
    ownership::hand_over(dir).map_err(|error| {
        let fix = "give its files to the user of the server (chown -R)";
        CliFailure::fault(dir.display(), error, fix)
    })?;
    terminal.print(format_args!(
        "everything is sealed under the new key {} of {}; keep a copy of the file apart from your backups\n",
        ring.fingerprint(),
        file.display()
    ))
}

/// The file that keeps the old key ring.
fn old_ring(file: &Path, ring: &Keyring) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}", ring.fingerprint()));
    PathBuf::from(name)
}

fn seal_all_again(store: &Offline, line: &ProgressLine) -> Result<(), CliFailure> {
    let (mut place, mut passes) = (None, 0_u64);
    loop {
        let after = place.clone();
        let step =
            store.store().write(store.write("keys rotate-ring").reclaim(), move |tx| loss::reseal(tx, after.as_ref()));
        place = store.wait(step).map_err(|fault| CliFailure::of_store("resealing", store.dir(), fault))?;
        if place.is_none() {
            return Ok(());
        }
        passes += 1;
        line.show(format_args!("up to {} values are done", passes.saturating_mul(limits::RESEALED_AT_ONCE as u64)));
    }
}

/// Replaces the snapshots in the directory, which the old key has sealed.
fn renew_snapshots(store: &Offline) -> Result<(), CliFailure> {
    let renewed = store.store().upkeep().map(Upkeep::renew).transpose();
    renewed.map(|_| ()).map_err(|error| {
        let fix = "the old key stays in the key ring; repeat the command when a snapshot can be written";
        CliFailure::fault("taking a snapshot under the new key", error, fix)
    })
}

/// Refuses if a server has the store open: it holds the old key ring in memory.
fn not_in_use(config: &Config) -> Result<(), CliFailure> {
    let environment = storage::environment();
    let layout = Layout::new(&config.store.path);
    if !layout.root.exists() {
        return Err(offline::no_store(&layout.root));
    }
    match lock::take(environment.fs.as_ref(), &layout, std::time::Duration::ZERO, &OpeningWatch::default()) {
        Ok(Lock::Ours(_)) => Ok(()),
        Ok(Lock::Theirs(_)) => {
            Err(CliFailure::Fault(format!("{} is in use: stop the server first", layout.root.display())))
        }
        Err(error) => Err(AppError::of_opening(&layout.root, &OpenFault::Directory(error)).into()),
    }
}
