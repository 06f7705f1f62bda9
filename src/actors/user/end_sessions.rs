//! Ends all sessions of the user with an address, from the command line.

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
    types::{Call, EmailAddress, Failure, limits},
};

/// Ends all sessions of a user. Answers their number.
#[derive(Debug, Clone)]
pub struct EndSessions {
    pub email: EmailAddress,
}

/// No user has the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSuchUser;

impl Command<UserContext> for EndSessions {
    type Answer = usize;
    type Refusal = NoSuchUser;
    const KIND: &'static str = "end_sessions";
    const DEADLINE: Duration = limits::CALL_DEADLINE;

    async fn run(self, context: Arc<UserContext>, call: Call) -> Result<usize, Failure<NoSuchUser>> {
        context.store.decide(context.write(&call).reclaim(), move |tx| commit(tx, &self)).await
    }
}

fn commit(tx: &mut Tx<'_>, command: &EndSessions) -> Decision<usize, NoSuchUser> {
    let Some(found) = user::find_by_email(tx, &command.email)? else { return refuse(NoSuchUser) };
    let ended = end_all_sessions(tx, found.id, SessionEnd::Administrator)?;
    tx.audit(AuditRecord::done(AuthAction::EndSession, found.id).detail(format!("sessions={ended}")))?;
    Ok(ended)
}
