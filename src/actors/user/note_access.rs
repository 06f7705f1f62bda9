//! Audit entries of access: reads of other users' records, and refused requests.
//!
//! Each entry is a commit. For each caller, action, person and operation only the first access per hour is written. The
//! written accesses are kept in memory, so a restart may repeat an entry.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::UserContext;
use crate::{
    domain::{
        audit::{Actor, AuditRecord},
        user::actions::UserAction,
    },
    supervision::Command,
    types::{Call, Failure, Timestamp, id::UserId, limits},
};

/// Writes the entry of an access, unless there is one within the last hour. The answer follows the commit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NoteAccess {
    pub kind: AccessKind,
    /// The `operation_id` of the route.
    pub operation: String,
}

/// The kinds of access with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccessKind {
    /// The caller read this other user.
    ReadUser(UserId),
    /// The caller read a list of users.
    ReadUsers,
    /// The caller lacks the permission.
    Refused,
}

impl NoteAccess {
    fn record(&self, by: &Actor) -> AuditRecord {
        let record = match (self.kind, by) {
            (AccessKind::ReadUser(user), _) => AuditRecord::done(UserAction::ReadUser, user),
            (AccessKind::ReadUsers, _) => AuditRecord::done(UserAction::ReadUser, None),
            (AccessKind::Refused, Actor::User(caller)) => AuditRecord::refused(UserAction::Access, *caller),
            (AccessKind::Refused, Actor::Anonymous | Actor::Cli | Actor::Service(_)) => {
                AuditRecord::refused(UserAction::Access, None)
            }
        };
        record.detail(format!("operation={}", self.operation))
    }
}

/// The accesses with a written entry, and the time of each.
#[derive(Default)]
pub(super) struct WrittenAccess(Mutex<HashMap<(String, NoteAccess), Timestamp>>);

impl WrittenAccess {
    fn written(&self) -> MutexGuard<'_, HashMap<(String, NoteAccess), Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an entry of the access was written within `limits::ACCESS_ENTRY_EVERY`.
    fn has(&self, key: &(String, NoteAccess), now: Timestamp) -> bool {
        self.written().get(key).is_some_and(|at| at.is_within(limits::ACCESS_ENTRY_EVERY, now))
    }

    /// Records that the entry of the access is missing.
    fn remove(&self, key: &(String, NoteAccess)) {
        self.written().remove(key);
    }

    /// Records that the entry of the access is written.
    fn insert(&self, key: (String, NoteAccess), now: Timestamp) {
        let is_recent = |at: &Timestamp| at.is_within(limits::ACCESS_ENTRY_EVERY, now);
        let mut written = self.written();
        if written.len() >= limits::ACCESS_ENTRIES_KNOWN {
            written.retain(|_, at| is_recent(at));
        }
        if written.len() >= limits::ACCESS_ENTRIES_KNOWN {
            written.clear();
        }
        written.insert(key, now);
    }
}

impl Command<UserContext> for NoteAccess {
    type Answer = ();
    type Refusal = Infallible;
    const KIND: &'static str = "note_access";
    const DEADLINE: Duration = limits::CALL_DEADLINE;

    async fn run(self, context: Arc<UserContext>, call: Call) -> Result<(), Failure<Infallible>> {
        let by = Actor::from(&call.context.caller);
        let record = self.record(&by);
        let key = (by.to_string(), self);
        let now = context.system.clock().now();
        if context.written.has(&key, now) {
            return Ok(());
        }
        // A refusal does not wait for its entry, so it is known before the commit: a burst of refusals writes one
        // entry. Reads at the same time may write an entry each, because none is answered before its entry is durable.
        let is_refusal = match key.1.kind {
            AccessKind::Refused => true,
            AccessKind::ReadUser(_) | AccessKind::ReadUsers => false,
        };
        if is_refusal {
            context.written.insert(key.clone(), now);
        }
        let entered = context.store.write(context.write(&call).reclaim(), move |tx| tx.audit(record.clone())).await;
        match entered {
            Ok(()) => context.written.insert(key, now),
            Err(_) => context.written.remove(&key),
        }
        Ok(entered?)
    }
}
