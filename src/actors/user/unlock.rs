//! Unlocks a user: the status, and the failed logins that led to the lockout.

use std::{sync::Arc, time::Duration};

use super::{UserContext, writes};
use crate::{
    actors::auth::writes::forget_failures,
    crypto::identifier::IdentifierKey,
    domain::{
        audit::AuditRecord,
        user::{
            Status, User,
            actions::UserAction,
            transition::{self, StatusChange, StatusCommand},
        },
    },
    persistence::{Decision, Tx, refuse, tables::user},
    supervision::Command,
    types::{Call, EmailAddress, Failure, limits},
};

/// Removes the status `locked` of a user and clears the failed logins. Answers the user.
#[derive(Debug, Clone)]
pub struct Unlock {
    pub email: EmailAddress,
}

/// The reason why the user is not unlocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnlockRefusal {
    /// No user has the address.
    NotFound,
    /// Another status than `locked` forbids the sign-in.
    NotFrom(Status),
}

impl Command<UserContext> for Unlock {
    type Answer = User;
    type Refusal = UnlockRefusal;
    const KIND: &'static str = "unlock";
    const DEADLINE: Duration = limits::CALL_DEADLINE;

    async fn run(self, context: Arc<UserContext>, call: Call) -> Result<User, Failure<UnlockRefusal>> {
        context
            .store
            .decide(context.write(&call).reclaim(), {
                let key = context.identifiers.clone();
                move |tx| commit(tx, &self, &key)
            })
            .await
    }
}

fn commit(tx: &mut Tx<'_>, command: &Unlock, key: &IdentifierKey) -> Decision<User, UnlockRefusal> {
    let Some(found) = user::find_by_email(tx, &command.email)? else { return refuse(UnlockRefusal::NotFound) };
    let unlocked = match transition::of_user(&found, StatusCommand::Unlock) {
        Ok(StatusChange::Opened { to }) => writes::give_status(tx, found, to)?,
        Ok(StatusChange::Unchanged) => found,
        // Failed logins can lock a pending user out too.
        Err(_) if found.status == Status::Pending => found,
        Ok(StatusChange::Ended { .. }) | Err(_) => return refuse(UnlockRefusal::NotFrom(found.status)),
    };
    forget_failures(tx, &unlocked, key)?;
    tx.audit(AuditRecord::done(UserAction::Unlock, unlocked.id))?;
    Ok(unlocked)
}
