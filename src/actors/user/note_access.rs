//! Entries on access: what a caller read of others, and what was refused.
//!
//! Each entry is a commit. The first access in an hour is written for each caller, action, person and operation;
//! repetitions within the hour are not. What was written is remembered in memory, so a restart may repeat an entry.

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

/// Writes the entry of an access, if this hour has none yet; it is on disk when this is answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NoteAccess {
    /// What was accessed.
    pub kind: AccessKind,
    /// The operation of the API.
    pub operation: String,
}

/// The kinds of access that have entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccessKind {
    /// The caller read this user, who is another one.
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

/// The accesses whose entries are written, and since when.
#[derive(Default)]
pub(super) struct WrittenAccess(Mutex<HashMap<(String, NoteAccess), Timestamp>>);

impl WrittenAccess {
    fn written(&self) -> MutexGuard<'_, HashMap<(String, NoteAccess), Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the access has no entry of this hour; from now on it has one.
    fn begin(&self, key: &(String, NoteAccess), now: Timestamp) -> bool {
        let is_recent = |at: &Timestamp| now.since(*at) < limits::ACCESS_ENTRY_EVERY;
        let mut written = self.written();
        if written.get(key).is_some_and(is_recent) {
            return false;
        }
        if written.len() >= limits::ACCESS_ENTRIES_KNOWN {
            written.retain(|_, at| is_recent(at));
        }
        if written.len() >= limits::ACCESS_ENTRIES_KNOWN {
            written.clear();
        }
        written.insert(key.clone(), now);
        true
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
        if !context.written.begin(&key, context.system.clock().now()) {
            return Ok(());
        }
        let entered = context.store.write(context.write(&call).reclaim(), move |tx| tx.audit(record.clone())).await;
        if entered.is_err() {
            context.written.written().remove(&key);
        }
        Ok(entered?)
    }
}
