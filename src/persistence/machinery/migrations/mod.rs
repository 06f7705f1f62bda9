//! Migrations: changes of the stored data, one file each, done once on every store that was created before them.
//!
//! Owns: the order of migrations, their bounded steps, continuing after a crash. Must not know: which migrations there
//! are, when the listeners are bound, how progress is shown. Begin with `Migration`.
//!
//! A migration runs in transactions: each step commits its changes together with its progress, so that a crash loses
//! nothing and repeats nothing. The caller takes a snapshot before the first step, and none when it continues after a
//! crash: operators go back to the snapshot from before the first step.

use serde::{Deserialize, Serialize};

use super::{
    reader::{Reader, TxFault},
    record::Record,
    scan::Scan,
    store::Store,
    table::Table,
    tx::Tx,
    writer::Write,
};
use crate::{
    telemetry::starting::MigrationProgress,
    types::{Fault, Timestamp},
};

/// The progress of each migration; one without a row was never begun.
pub static MIGRATION_BY_NAME: Table<String, MigrationState> = Table::new(0x29, "migration_by_name", "always");

/// One migration.
pub struct Migration {
    /// Its name, equal to its file's; never changes.
    pub name: &'static str,
    /// One step after the place of the previous step (`None`: the first one): a bounded number of rows.
    pub step: fn(&mut Tx<'_>, Option<&[u8]>) -> Result<MigrationStep, TxFault>,
}

/// The result of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MigrationStep {
    /// More rows follow after this place.
    Further {
        /// Where to continue, in a form of the migration's own.
        place: Vec<u8>,
        /// The progress in percent, 0 to 100, as an estimate.
        percent: u8,
    },
    /// Nothing is left.
    Finished,
}

/// The progress of a migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationState {
    /// Where to continue; `None`: it is finished.
    pub place: Option<Vec<u8>>,
    /// When it began.
    pub begun_at: Timestamp,
    /// When the last step was committed.
    pub moved_at: Timestamp,
}

impl Record for MigrationState {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "migration_progress";
}

/// The migrations of `all` that are not finished. A new store is created with all of them done: see `mark_all`.
pub fn pending<'a>(reader: &impl Reader, all: &'a [Migration]) -> Result<Vec<&'a Migration>, TxFault> {
    let mut pending = Vec::new();
    for migration in all {
        let progress = reader.get(&MIGRATION_BY_NAME, &migration.name.to_owned())?;
        if progress.is_none_or(|progress| progress.place.is_some()) {
            pending.push(migration);
        }
    }
    Ok(pending)
}

/// Whether one of `all` was begun and is not finished.
pub fn is_under_way(reader: &impl Reader, all: &[Migration]) -> Result<bool, TxFault> {
    for migration in all {
        let progress = reader.get(&MIGRATION_BY_NAME, &migration.name.to_owned())?;
        if progress.is_some_and(|progress| progress.place.is_some()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Records that a new store needs none of these.
pub fn mark_all(tx: &mut Tx<'_>, all: &[Migration]) -> Result<(), TxFault> {
    let now = tx.now();
    for migration in all {
        let finished = MigrationState { place: None, begun_at: now, moved_at: now };
        tx.put(&MIGRATION_BY_NAME, &migration.name.to_owned(), &finished)?;
    }
    Ok(())
}

/// A newer program has changed the stored data, which this one would misread.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a newer version has migrated this store ({}); start that version", names.join(", "))]
pub struct NewerStore {
    /// The migrations that this program does not have.
    pub names: Vec<String>,
}

/// The migrations of a newer program that the store has had; `None` if this program has every one.
pub fn newer_than(reader: &impl Reader, all: &[Migration]) -> Result<Option<NewerStore>, TxFault> {
    let mut names = reader.keys(&MIGRATION_BY_NAME, Scan::all())?;
    names.retain(|name| all.iter().all(|migration| migration.name != name));
    Ok((!names.is_empty()).then_some(NewerStore { names }))
}

/// Runs all pending migrations, in order. `write` returns the context of each transaction; `report` is called after
/// each with the progress of all.
pub async fn run(
    store: &Store,
    all: &'static [Migration],
    write: impl Fn() -> Write + Send,
    report: impl Fn(MigrationProgress) + Send,
) -> Result<(), Fault> {
    let pending = store.read(move |view| pending(view, all)).await?;
    for (finished, migration) in pending.iter().copied().enumerate() {
        let tell = |percent| {
            report(MigrationProgress { name: migration.name, percent: overall(finished, percent, pending.len()) });
        };
        loop {
            let step = store.write(write().bulk(), move |tx| one_step(tx, migration)).await?;
            match step {
                MigrationStep::Further { percent, .. } => tell(percent.min(100)),
                MigrationStep::Finished => break tell(100),
            }
        }
    }
    Ok(())
}

/// Percent of `all` migrations, of which `finished` are done and one is done to `percent`.
fn overall(finished: usize, percent: u8, all: usize) -> u8 {
    let hundredths = finished * 100 + usize::from(percent);
    u8::try_from(hundredths / all.max(1)).unwrap_or(100)
}

fn one_step(tx: &mut Tx<'_>, migration: &'static Migration) -> Result<MigrationStep, TxFault> {
    let (name, now) = (migration.name.to_owned(), tx.now());
    let before = tx.get(&MIGRATION_BY_NAME, &name)?;
    if before.as_ref().is_some_and(|progress| progress.place.is_none()) {
        return Ok(MigrationStep::Finished);
    }
    let begun_at = before.as_ref().map_or(now, |progress| progress.begun_at);
    let step = (migration.step)(tx, before.and_then(|progress| progress.place).as_deref())?;
    let place = match &step {
        MigrationStep::Further { place, .. } => Some(place.clone()),
        MigrationStep::Finished => None,
    };
    tx.put(&MIGRATION_BY_NAME, &name, &MigrationState { place, begun_at, moved_at: now })?;
    Ok(step)
}
