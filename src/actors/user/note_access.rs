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

    /// Whether an entry has to be written; records the access as written.
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
