//! Removes a registration, for an administrator.

use std::{sync::Arc, time::Duration};

use super::{AuthContext, writes};
use crate::{
    domain::{audit::AuditRecord, auth::actions::AuthAction},
    persistence::{Decision, Tx, refuse, tables::registration},
    supervision::Command,
    types::{Call, Failure, id::UserId, limits},
};

/// Removes a registration: its codes are void, and its user name is free.
#[derive(Debug, Clone, Copy)]
pub struct DropRegistration {
    pub id: UserId,
}

/// No registration has this id, it has expired, or no code can turn it into a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSuchRegistration;

impl Command<AuthContext> for DropRegistration {
    type Answer = ();
    type Refusal = NoSuchRegistration;
    const KIND: &'static str = "drop_registration";
    const DEADLINE: Duration = limits::CALL_DEADLINE;

    async fn run(self, context: Arc<AuthContext>, call: Call) -> Result<(), Failure<NoSuchRegistration>> {
        context.store.decide(context.write(&call).reclaim(), move |tx| commit(tx, self.id)).await
    }
}

fn commit(tx: &mut Tx<'_>, id: UserId) -> Decision<(), NoSuchRegistration> {
    let Some(found) = registration::find(tx, id)?.filter(|found| found.is_verifiable(tx.now())) else {
        return refuse(NoSuchRegistration);
    };
    // Before the registrant's key is erased, because the entry's personal fields are sealed with it.
    tx.audit(AuditRecord::done(AuthAction::DropRegistration, found.id))?;
    writes::drop_registration(tx, &found)?;
    Ok(())
}
