//! Opens a store from a data directory and a key ring: checks that they match, and determines what is lost if not.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
};

use rustix::fs::Mode;

use super::{
    backend::Embedded,
    base::{Base, BaseError, OpenError, Opening},
    catalog::StoreCatalog,
    commit_target::CommitTarget,
    engine::EngineError,
    format::{Format, Seal},
    keyring::{Keyring, RingFault},
    known_damage::KnownDamage,
    lease::InProcessLeases,
    loss,
    opening_watch::OpeningWatch,
    reader::TxFault,
    settings::{StoreEnvironment, StoreSettings},
    shared::Shared,
    store::Store,
    trust::DistrustReason,
    upkeep::Upkeep,
    writer::{group::ReplayCheck, step::StoreWriter, watch::watch},
};

/// What to do when there are sealed values that no key opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyLoss {
    /// Refuse to open, with a message that names the loss.
    Refuse,
    /// Drop all sealed values and continue under the present key ring or a new one (`majordomo keys recover
    /// --accept-loss`).
    Accept,
}

/// The options of an opening.
#[derive(Clone)]
pub struct Options {
    /// The data directory, the engine, sizes and times.
    pub settings: StoreSettings,
    /// Disk, clock and randomness.
    pub environment: StoreEnvironment,
    /// The file of the key ring; created for a new store.
    pub key_ring: PathBuf,
    /// What to do when keys are lost.
    pub key_loss: KeyLoss,
    /// How often each closure is run; `Once` except in tests.
    pub replay_check: ReplayCheck,
    /// Gets the progress of the opening and can stop it.
    pub watch: OpeningWatch,
}

/// Why a store was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenFault {
    /// The data directory, or the keys for it.
    #[error(transparent)]
    Directory(#[from] OpenError),
    /// The file of the key ring.
    #[error(transparent)]
    Ring(#[from] RingFault),
    /// Sealed values could not be dropped, or `store.json` could not be written.
    #[error(transparent)]
    Base(#[from] BaseError),
    /// The stored data cannot be read.
    #[error("the store cannot be read: {0}")]
    Content(#[from] TxFault),
    /// The writer's thread did not start.
    #[error("the writer's thread did not start: {0}")]
    Thread(std::io::Error),
}

impl Store {
    /// Opens a data directory, or creates one, and starts the writer's thread. Returns what was found.
    ///
    /// Refuses, and writes nothing, when there are sealed values and the key ring is missing or is another one.
    pub fn assemble(catalog: &'static StoreCatalog, options: Options) -> Result<(Self, Opening), OpenFault> {
        let (store, writer, opening) = Self::assemble_over_directory(catalog, options)?;
        let shared = writer.shared();
        std::thread::Builder::new()
            .name("store-watch".to_owned())
            .spawn(move || watch(shared))
            .map_err(OpenFault::Thread)?;
        std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.drive())
            .map_err(OpenFault::Thread)?;
        Ok((store, opening))
    }

    /// The same with a writer that is driven by the caller: for tests and for the command line.
    pub fn assemble_over_directory(
        catalog: &'static StoreCatalog,
        options: Options,
    ) -> Result<(Self, StoreWriter, Opening), OpenFault> {
        // Checked first: the key ring is often inside the directory, and the error would name the key ring instead.
        if std::fs::metadata(&options.settings.dir).is_ok_and(|found| !found.is_dir()) {
            return Err(OpenError::NoDirectory(options.settings.dir).into());
        }
        // The engines create files while they run, which only this user may read.
        rustix::process::umask(Mode::RWXG | Mode::RWXO);
        let StoreEnvironment { clock, entropy, .. } = &options.environment;
        let loaded = Keyring::load(&options.key_ring)?;
        let had_ring = loaded.is_some();
        let ring = loaded.unwrap_or_else(|| Keyring::generate(entropy.as_ref(), clock.now()));
        let attempt = OpenAttempt { catalog, options, ring: Arc::new(ring), had_ring };
        let opened = attempt.run();
        let Some(reason) = opened.as_ref().err().and_then(OpenFault::of_tree) else { return opened };
        // The tree is marked now, so the second attempt builds another one.
        tracing::error!(%reason, "the tree cannot be read; it is set aside");
        let again = attempt.run();
        match again.as_ref().err().and_then(OpenFault::of_tree) {
            Some(again) => {
                let (reason, source) = (DistrustReason::Fails(reason), EngineError::new("the second tree", again));
                Err(OpenError::RebuiltFails { reason, source }.into())
            }
            None => again,
        }
    }
}

impl OpenFault {
    /// The reason, if the tree is at fault.
    fn of_tree(&self) -> Option<String> {
        match self {
            Self::Content(fault) => tree_fault(fault),
            Self::Directory(_) | Self::Ring(_) | Self::Base(_) | Self::Thread(_) => None,
        }
    }
}

fn tree_fault(fault: &TxFault) -> Option<String> {
    match fault {
        TxFault::Engine(_) | TxFault::Damaged(_) => Some(fault.to_string()),
        TxFault::Conflict | TxFault::TooLarge(_) | TxFault::Corrupt(_) | TxFault::Check(_) => None,
    }
}

/// One attempt to open a store.
struct OpenAttempt {
    catalog: &'static StoreCatalog,
    options: Options,
    ring: Arc<Keyring>,
    had_ring: bool,
}

impl OpenAttempt {
    /// Opens the store. A tree that cannot be read is marked.
    fn run(&self) -> Result<(Store, StoreWriter, Opening), OpenFault> {
        let Self { catalog, options, ring, had_ring } = self;
        let Options { settings, key_ring, key_loss, replay_check, watch, .. } = options;
        let environment = &StoreEnvironment { ring: Some(Arc::clone(ring)), ..options.environment.clone() };
        let mut lost = false;
        let base = Base::open_watched(settings, environment.clone(), watch, |format| {
            let found = RingFound { ring, had_ring: *had_ring, key_loss: *key_loss, catalog };
            let (seal, judged_lost) = judge(format, &found)?;
            lost = judged_lost;
            if !had_ring {
                ring.save(key_ring).map_err(|fault| fault.to_string())?;
            }
            Ok(seal)
        })?;
        let (opening, epoch) = (base.opening().clone(), base.epoch());
        let damage = KnownDamage::of(base.rebuilt_for());
        let (upkeep, marker) = (base.upkeep().clone(), Arc::clone(base.marker()));
        let restored = base.format().restored;
        let seal = ring.mark().map_err(|fault| TxFault::Corrupt(fault.to_string()))?;
        let (clock, tree) = (Arc::clone(&environment.clock), Arc::clone(base.engine()));
        let shared = Shared::new(catalog, clock, tree, Arc::clone(ring)).marked_by(&marker, damage);
        let shared = Arc::new(shared.watched_by(base.steps()));
        upkeep.attach(&shared);
        let target = CommitTarget::Directory(Box::new(base));
        let mut writer = StoreWriter::new(Arc::clone(&shared), target, *replay_check).inspect_err(|fault| {
            if let Some(reason) = tree_fault(fault) {
                marker.mark(&reason);
            }
        })?;
        shared.restored.store(restored, Ordering::Release);
        let store = Store::over(Embedded::new(shared, Some(upkeep), Arc::new(InProcessLeases::of_opening(epoch))));
        if lost {
            // The new ring is recorded only after no sealed value is left: after a crash before that, the next open
            // repeats this step.
            loss::drop_sealed(&store, &mut writer, environment.entropy.as_ref(), catalog)?;
            writer.set_seal(seal)?;
            // The lost ring has sealed the snapshots before, which no ring opens any more.
            if let Some(Err(error)) = store.upkeep().map(Upkeep::renew) {
                tracing::error!(%error, "no snapshot under the new key ring could be taken; the server tries again");
            }
        }
        store.tend();
        Ok((store, writer, opening))
    }
}

/// The key ring that was found for a directory.
struct RingFound<'a> {
    ring: &'a Keyring,
    had_ring: bool,
    key_loss: KeyLoss,
    catalog: &'static StoreCatalog,
}

/// The next content of `store.json`, and whether sealed values have to be dropped first.
fn judge(format: Option<&Format>, found: &RingFound<'_>) -> Result<(Seal, bool), String> {
    let RingFound { ring, had_ring, key_loss, catalog } = *found;
    let fresh = || ring.mark().map_err(|fault| fault.to_string());
    let Some(stored) = format.map(|format| &format.seal).filter(|seal| **seal != Seal::default()) else {
        return Ok((fresh()?, false));
    };
    let refusal = if had_ring {
        match ring.fits(stored) {
            // The newest key may be newer than the one that `store.json` records.
            Ok(()) => return Ok((fresh()?, false)),
            Err(_) => format!("the key ring ({}) is not the one of this store", ring.fingerprint()),
        }
    } else {
        "the key ring is missing".to_owned()
    };
    match key_loss {
        KeyLoss::Accept => Ok((stored.clone(), true)),
        KeyLoss::Refuse => {
            let lost = catalog.lost_without_keys;
            Err(format!("{refusal}; this store is sealed under {}. {lost}", stored.ring_fingerprint))
        }
    }
}
