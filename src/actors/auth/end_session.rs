//! Ends one session of the caller's list.

use std::{sync::Arc, time::Duration};

use super::{AuthContext, writes::end_one_session};
use crate::{
    domain::{
        audit::AuditRecord,
        auth::{SessionEnd, actions::AuthAction},
    },
    persistence::{Decision, Tx, refuse, tables::session},
    supervision::Command,
    types::{
        Call, Failure,
        id::{SessionId, UserId},
        limits,
    },
};

/// Ends a session of a user.
#[derive(Debug, Clone, Copy)]
pub struct EndSession {
    /// The user to whom the session must belong.
    pub user: UserId,
    pub session: SessionId,
}

/// No valid session has this id, or it is another user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSuchSession;

impl Command<AuthContext> for EndSession {
    type Answer = ();
    type Refusal = NoSuchSession;
    const KIND: &'static str = "end_session";
    const DEADLINE: Duration = limits::CALL_DEADLINE;

    async fn run(self, context: Arc<AuthContext>, call: Call) -> Result<(), Failure<NoSuchSession>> {
        context.store.decide(context.write(&call).reclaim(), move |tx| commit(tx, self)).await
    }
}

fn commit(tx: &mut Tx<'_>, command: EndSession) -> Decision<(), NoSuchSession> {
    let found = session::find(tx, command.session)?;
    let own = found.filter(|session| session.user == command.user && session.is_live(tx.now()));
    let Some(own) = own else { return refuse(NoSuchSession) };
    let entry = AuditRecord::done(AuthAction::EndSession, own.user).detail(format!("session={}", own.id));
    end_one_session(tx, &own, SessionEnd::LoggedOut, entry)?;
    Ok(())
}
