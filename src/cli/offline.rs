//! The store, opened by a command without the server.

use std::{
    future::Future,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::runtime::Runtime;

use super::{CliFailure, Terminal, ownership};
use crate::{
    app::{AppError, storage},
    config::Config,
    persistence::{
        KeyLoss, Store, Write,
        keyring::{Keyring, RingFault},
        layout::Layout,
        lock::{self, Lock},
        migrations,
        opening_watch::OpeningWatch,
        settings::{StoreEnvironment, StoreSettings},
        trust::TreeState,
    },
    types::{self, CallContext, Caller, Work, limits},
};

/// The caller context of a command on the store.
pub fn context(command: &'static str) -> CallContext {
    CallContext { caller: Caller::Operator, ..CallContext::service("cli", command) }
}

/// The failure of a command on a directory without a store, with the way to create one.
pub fn no_store(dir: &Path) -> CliFailure {
    let fix = "start the server once (`majordomo serve`), which makes it";
    CliFailure::Fault(format!("{} holds no store (store.path); {fix}", dir.display()))
}

/// The failure of a command on the file of a key ring, which the fault names.
pub fn ring_failure(fault: &RingFault, fix: &str) -> CliFailure {
    match fault {
        // It has the command that corrects the mode.
        RingFault::Open { .. } => CliFailure::Fault(fault.to_string()),
        RingFault::Io { .. } | RingFault::Form { .. } => CliFailure::Fault(format!("{fault}; {fix}")),
    }
}

/// The key ring at `file`, for the reading of snapshots; `None` if the file does not exist.
pub fn ring_at(file: &Path) -> Result<Option<Arc<Keyring>>, CliFailure> {
    let ring = Keyring::load(file).map_err(|fault| ring_failure(&fault, "put the key ring of the store there"))?;
    Ok(ring.map(Arc::new))
}

/// Says that the command waits, if another process has the directory open: otherwise a command is silent until the end
/// of `store.lock_wait`.
pub fn announce_wait(settings: &StoreSettings, environment: &StoreEnvironment, terminal: &Terminal) {
    let layout = Layout::new(&settings.dir);
    if settings.lock_wait.is_zero() || !layout.lock().exists() {
        return;
    }
    let watch = OpeningWatch::default();
    // An error is reported by the command itself.
    let Ok(Lock::Theirs(holder)) = lock::take(environment.fs.as_ref(), &layout, Duration::ZERO, &watch) else { return };
    let holder = holder.map_or("another process".to_owned(), |pid| format!("process {pid}"));
    terminal.note(format_args!(
        "note: {} is in use by {holder}; this command waits up to {:?} (store.lock_wait) until it ends: stop the \
         server, or end this command with Ctrl+C",
        settings.dir.display(),
        settings.lock_wait
    ));
}

/// The store, opened by a command without the server. `close` closes it.
pub struct Offline {
    runtime: Runtime,
    dir: PathBuf,
    store: Store,
    environment: StoreEnvironment,
}

impl Offline {
    /// Opens an existing store; creates none. Prints repairs on `terminal`.
    pub fn open(config: &Config, key_loss: KeyLoss, terminal: &Terminal) -> Result<Self, CliFailure> {
        if !config.store.path.join("store.json").exists() {
            return Err(no_store(&config.store.path));
        }
        let options = storage::options(config, key_loss);
        let environment = options.environment.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| CliFailure::no_runtime(&error))?;
        announce_wait(&options.settings, &environment, terminal);
        let dir = &config.store.path;
        let (store, opening) = Store::open(options).map_err(|fault| AppError::of_opening(dir, &fault))?;
        if let Some(cut) = opening.cut {
            terminal.note(format_args!("note: {}: {}; cut there, nothing acknowledged is lost", cut.place, cut.reason));
        }
        match opening.tree {
            TreeState::Trusted => {}
            TreeState::Rebuilt { reason, .. } => terminal.note(format_args!("note: the tree was rebuilt: {reason}")),
        }
        let opened = Self { runtime, dir: config.store.path.clone(), store, environment };
        let known = opened.store.read(|view| migrations::newer_than(view, migrations::MIGRATIONS));
        let known =
            opened.wait(known).map_err(|fault| CliFailure::of_store("reading the store's migrations", dir, fault));
        match known.and_then(|newer| newer.map_or(Ok(()), |newer| Err(CliFailure::Fault(newer.to_string())))) {
            Ok(()) => Ok(opened),
            Err(failure) => {
                opened.close();
                Err(failure)
            }
        }
    }

    /// The directory of the store.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The open store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The command's source of time and randomness.
    pub fn environment(&self) -> &StoreEnvironment {
        &self.environment
    }

    /// Waits for an answer of the store.
    pub fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        self.runtime.block_on(answer)
    }

    /// The parameters of one transaction of `command`.
    pub fn write(&self, command: &'static str) -> Write {
        let (clock, entropy) = (self.environment.clock.as_ref(), self.environment.entropy.as_ref());
        Write::new(
            Work::until(clock.instant() + limits::WRITER_LOST),
            types::clock::stamp(clock, entropy),
            context(command),
        )
    }

    /// Completes pending writes and closes the directory.
    pub fn close(self) {
        self.runtime.block_on(self.store.close());
    }
}

impl Drop for Offline {
    fn drop(&mut self) {
        // The server names a file that it may not open.
        let _ = ownership::hand_over(&self.dir);
    }
}
