//! The audit trail as auditors read it, and whether it is whole.
//!
//! **Owns** nothing: entries are written in the commit they speak of, by every service's own transactions, and numbered
//! by the store's writer. No actor stands behind this handle. **Wakes on** calls only. **Promises** that the trail is
//! walked by one caller at a time, on a thread of its own. **Loses on crash** nothing.
//!
//! Must not know: HTTP, how rows are stored. Begin with [`Audit`].

mod verify;

use std::sync::Arc;

use tokio::sync::Mutex;

pub use verify::{AuditAfter, Verified, VerifiedTrail, Wholeness};

use crate::{
    domain::audit::{Actor, AuditAction, AuditEntry, AuditPlace},
    persistence::{
        Store,
        audit::{self, AuditFilter, AuditRange},
    },
    supervision::System,
    telemetry::store::{AuditMark, StoreReport},
    types::{Fault, Page, PageLimit, Timestamp, id::UserId},
};

/// The handle. Cheap to clone.
#[derive(Clone)]
pub struct Audit {
    store: Store,
    system: System,
    /// Held while the trail is walked.
    walking: Arc<Mutex<()>>,
}

/// Which entries an auditor wants to see, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditQuery {
    /// By this actor.
    pub actor: Option<Actor>,
    /// About this person.
    pub subject: Option<UserId>,
    /// Of this action.
    pub action: Option<AuditAction>,
    /// Not before this time.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Older than this place; `None`: from the newest.
    pub before: Option<AuditPlace>,
    /// The most rows of a page.
    pub limit: PageLimit,
}

impl Audit {
    /// Over the trail in `store`.
    pub fn new(system: System, store: Store) -> Self {
        Self { store, system, walking: Arc::default() }
    }

    /// A page of entries of both logs and the place to go on before. It may hold fewer than asked for, even none, and
    /// still have a next one: one reading looks at `limits::SCAN_MAX` entries.
    pub async fn entries(&self, query: AuditQuery) -> Result<Page<AuditEntry, AuditPlace>, Fault> {
        let AuditQuery { actor, subject, action, from, until, before, limit } = query;
        let filter = AuditFilter { subject, actor, action, from, until };
        let range = AuditRange { before: before.unwrap_or(AuditPlace::NEWEST), limit: limit.rows() };
        self.store.read(move |view| audit::read(view, range, &filter)).await
    }

    /// Walks both logs behind the entries `after`, whose hashes are believed (0: from the first), for
    /// `limits::AUDIT_WALK` at most. `None`: there is no such entry. `Overloaded` while another walk runs.
    pub async fn verify(&self, after: AuditAfter) -> Result<Option<VerifiedTrail>, Fault> {
        let Ok(_walking) = self.walking.try_lock() else { return Err(Fault::overloaded()) };
        verify::on_a_thread(&self.store, &self.system, after).await
    }
}

/// Writes to the process's log where both logs of the trail end: kept elsewhere, it shows a trail that was cut short or
/// rewritten.
pub fn tell_end(store: &Store) {
    let StoreReport { audit, audit_sign_ins, .. } = store.report();
    let AuditMark { entries, hash } = audit;
    let AuditMark { entries: sign_ins, hash: sign_ins_hash } = audit_sign_ins;
    tracing::info!(entries, hash, sign_ins, sign_ins_hash, "the end of the audit trail");
}
