//! Ends all sessions of a user, for the user or an administrator.

use std::{sync::Arc, time::Duration};

use super::UserContext;
use crate::{
    actors::auth::writes::end_all_sessions,
    domain::{
        audit::AuditRecord,
        auth::{SessionEnd, actions::AuthAction},
    },
    persistence::{Decision, Tx, refuse, tables::user},
    supervision::Command,
    types::{Call, Failure, id::UserId, limits},
};

/// Ends all sessions of a user, the caller's own included. Answers their number.
#[derive(Debug, Clone, Copy)]
pub struct EndSessionsOfUser {
    pub user: UserId,
}

/// No user has this id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownUser;

impl Command<UserContext> for EndSessionsOfUser {
    type Answer = usize;
    type Refusal = UnknownUser;
    const KIND: &'static str = "end_sessions_of_user";
    const DEADLINE: Duration = limits::CALL_DEADLINE;

    async fn run(self, context: Arc<UserContext>, call: Call) -> Result<usize, Failure<UnknownUser>> {
        context.store.decide(context.write(&call).reclaim(), move |tx| commit(tx, self.user)).await
    }
}

fn commit(tx: &mut Tx<'_>, id: UserId) -> Decision<usize, UnknownUser> {
    let Some(found) = user::find(tx, id)? else { return refuse(UnknownUser) };
    let is_own = tx.context().principal().is_some_and(|principal| principal.user == found.id);
    let reason = if is_own { SessionEnd::LoggedOutEverywhere } else { SessionEnd::Administrator };
    let ended = end_all_sessions(tx, found.id, reason)?;
    tx.audit(AuditRecord::done(AuthAction::EndSession, found.id).detail(format!("sessions={ended}")))?;
    Ok(ended)
}
