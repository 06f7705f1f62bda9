//! What the store is assembled from, and its handle in the terms of what it keeps.

use std::sync::Arc;

use tokio::sync::watch;

use super::{
    audit::{self, AUDIT, AUDIT_SIGN_INS},
    events::EVENTS,
    tables,
};
use crate::{
    domain::audit::AuditLog,
    persistence::machinery::{
        catalog::StoreCatalog,
        log::LogHead,
        opening::{OpenFault, Options},
        report::StoreCondition,
        store::Store,
        trust::Opening,
        writer::step::StoreWriter,
    },
    telemetry::store::{AuditMark, StoreReport},
    types::{Clock, Entropy},
};

/// What the store keeps.
pub static CATALOG: StoreCatalog = StoreCatalog {
    tables: tables::INVENTORY,
    logs: &[&EVENTS, &AUDIT, &AUDIT_SIGN_INS],
    checks: &[],
    lost_without_keys: "Without it sessions, live codes, signing keys, mails that wait, and the names and addresses in \
                        events and audit entries are lost; users and passwords are not. Put the key ring back, or give \
                        these up with `majordomo keys recover --accept-loss`",
};

impl Store {
    /// Opens a data directory, or makes one, and starts the writer's thread. Says what was found.
    ///
    /// Refuses, and writes nothing, when sealed values are there and the key ring is not, or is another one.
    pub fn open(options: Options) -> Result<(Self, Opening), OpenFault> {
        Self::assemble(&CATALOG, options)
    }

    /// The same with a writer that does nothing but what the caller lets it do: for tests, and for the command line.
    pub fn open_in_hand(options: Options) -> Result<(Self, StoreWriter, Opening), OpenFault> {
        Self::assemble_over_directory(&CATALOG, options)
    }

    /// A store in memory whose closures are each run twice and compared, for tests of flows. Its writer is a task of
    /// the current runtime, so that it lives under tokio's paused time.
    pub fn in_memory(clock: Arc<dyn Clock>, entropy: &dyn Entropy) -> Self {
        Self::assemble_in_memory(&CATALOG, clock, entropy)
    }

    /// A store in memory whose writer does nothing but what the caller lets it do, for tests of the writer.
    pub fn in_hand(clock: Arc<dyn Clock>, entropy: &dyn Entropy) -> (Self, StoreWriter) {
        Self::assemble_in_hand(&CATALOG, clock, entropy)
    }

    /// The sequence of the last event that can be read; 0 if there never was one.
    pub fn head(&self) -> u64 {
        self.log_head(&EVENTS).number
    }

    /// Changes whenever `head` does.
    pub fn events_changed(&self) -> watch::Receiver<LogHead> {
        self.log_changed(&EVENTS)
    }

    /// What operators see.
    pub fn report(&self) -> StoreReport {
        let mark = |log| {
            let LogHead { number, hash } = self.log_head(audit::log(log));
            AuditMark { entries: number, hash: hash.iter().map(|byte| format!("{byte:02x}")).collect() }
        };
        let StoreCondition { status, reasons, engine, tree_bytes, free_bytes, readers, writer } = self.condition();
        StoreReport {
            status,
            reasons,
            engine,
            tree_bytes,
            free_bytes,
            readers,
            last_event: self.head().to_string(),
            audit: mark(AuditLog::Changes),
            audit_sign_ins: mark(AuditLog::SignIns),
            writer,
        }
    }
}
