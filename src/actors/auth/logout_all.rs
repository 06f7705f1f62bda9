//! Logout everywhere: ends all sessions of a user. The answer is the same without any session.

use std::{convert::Infallible, sync::Arc, time::Duration};

use super::{AuthContext, writes::end_all_sessions};
use crate::{
    domain::{
        audit::AuditRecord,
        auth::{SessionEnd, actions::AuthAction},
    },
    persistence::{Tx, TxFault},
    supervision::Command,
    types::{Call, Failure, id::UserId, limits},
};

/// Ends all sessions of a user.
#[derive(Debug, Clone, Copy)]
pub struct LogoutAll {
    pub user: UserId,
}

impl Command<AuthContext> for LogoutAll {
    type Answer = ();
    type Refusal = Infallible;
    const KIND: &'static str = "logout_all";
    const DEADLINE: Duration = limits::CALL_DEADLINE;

    async fn run(self, context: Arc<AuthContext>, call: Call) -> Result<(), Failure<Infallible>> {
        let write = context.write(&call).reclaim();
        Ok(context.store.write(write, move |tx| commit(tx, self.user)).await?)
    }
}

fn commit(tx: &mut Tx<'_>, user: UserId) -> Result<(), TxFault> {
    match end_all_sessions(tx, user, SessionEnd::LoggedOutEverywhere)? {
        0 => Ok(()),
        _ => tx.audit(AuditRecord::done(AuthAction::LogoutAll, user)),
    }
}
