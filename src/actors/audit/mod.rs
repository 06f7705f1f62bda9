//! Reads the audit log for auditors, and verifies its chains.
//!
//! **Owns** nothing: every service writes entries in its own transactions, in the commit of the change, and the store's
//! writer numbers them. The handle has no actor. **Wakes on** calls only. **Promises** that one verification runs at a
//! time, on a thread of its own. **Loses on crash** nothing.
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

/// The handle of the audit log. Cheap to clone.
#[derive(Clone)]
pub struct Audit {
    store: Store,
    system: System,
    /// Held while a verification runs.
    walking: Arc<Mutex<()>>,
}

/// The filter and range of a page of entries, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditQuery {
    pub actor: Option<Actor>,
    pub subject: Option<UserId>,
    pub action: Option<AuditAction>,
    /// The earliest time, inclusive.
    pub from: Option<Timestamp>,
    /// The latest time, exclusive.
    pub until: Option<Timestamp>,
    /// The page begins before this place; `None`: with the newest entry.
    pub before: Option<AuditPlace>,
    /// The maximum number of rows in the page.
    pub limit: PageLimit,
}

impl Audit {
    /// The service over the audit log in `store`.
    pub fn new(system: System, store: Store) -> Self {
        Self { store, system, walking: Arc::default() }
    }

    /// A page of the entries of both logs. A page with fewer rows than `limit`, even an empty one, may have a next
    /// page, because one call scans at most `limits::SCAN_MAX` entries.
    pub async fn entries(&self, query: AuditQuery) -> Result<Page<AuditEntry, AuditPlace>, Fault> {
        let AuditQuery { actor, subject, action, from, until, before, limit } = query;
        let filter = AuditFilter { subject, actor, action, from, until };
        let range = AuditRange { before: before.unwrap_or(AuditPlace::NEWEST), limit: limit.rows() };
        self.store.read(move |view| audit::read(view, range, &filter)).await
    }

    /// Verifies both chains behind the entries `after`, whose hashes are trusted (0: from the first entry), for at most
    /// `limits::AUDIT_WALK`. `None`: there is no such entry. Fails with `Overloaded` while another verification runs.
    pub async fn verify(&self, after: AuditAfter) -> Result<Option<VerifiedTrail>, Fault> {
        let Ok(_walking) = self.walking.try_lock() else { return Err(Fault::overloaded()) };
        verify::on_a_thread(&self.store, &self.system, after).await
    }
}

/// Logs the heads of both audit chains. A copy of these lines outside the machine shows whether a chain was truncated
/// or rewritten.
pub fn log_heads(store: &Store) {
    let StoreReport { audit, audit_sign_ins, .. } = store.report();
    let AuditMark { entries, hash } = audit;
    let AuditMark { entries: sign_ins, hash: sign_ins_hash } = audit_sign_ins;
    tracing::info!(entries, hash, sign_ins, sign_ins_hash, "the head of the audit chain");
}
